"""What a run with models needs beside a search: models, templates, budget, and its ledger."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sldagent.config import EvolveConfig
from sldagent.cuts import Cut
from sldagent.data import packaged
from sldagent.data.describe import describe, fit_rows
from sldagent.errors import UsageError
from sldagent.evolution.places import Places
from sldagent.insight import LawReader
from sldagent.journal import call_row
from sldagent.proposing.base import Call, Proposer, Request
from sldagent.proposing.llm.budget import Budget, BudgetLimits, Spent
from sldagent.proposing.llm.client import Client, ClientConfig
from sldagent.proposing.llm.mixed import MixedProposer
from sldagent.proposing.llm.models import ModelSpec, base_url, parse_model
from sldagent.proposing.llm.prompts import FILES, Prompts, Template
from sldagent.proposing.llm.proposer import LLMProposer
from sldagent.sandboxes import open_tracer, require_protection
from sldagent.table import Table
from sldagent.task import Task

if TYPE_CHECKING:
    from sldagent.run import Run

CONCURRENCY = 16
_NO_CANDIDATE = -1  # whose calls belong to none: the first ones
_TASK = "task.md"
# What an answer and the words of its repair add to a prompt, at most.
_REPAIR_BYTES = 60_000


def resolve_models(config: EvolveConfig) -> tuple[ModelSpec, ...]:
    """The models of a configuration.

    Raises:
        UsageError: A model or URL cannot be read, or a budget in dollars meets an unknown price.
    """
    url = base_url(config.base_url)
    models = tuple(parse_model(text, url) for text in config.models)
    names = [model.name for model in models]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"model '{twice[0]}' is named twice; one --model for each")
    for model in models:
        if model.island is not None and model.island >= config.islands:
            raise UsageError(
                f"--model {model.name}: there is no island {model.island}; there are 0 to "
                f"{config.islands - 1}"
            )
        if config.max_cost_usd is not None and not model.priced:
            raise UsageError(
                f"--max-cost-usd needs to know what '{model.name}' costs at {model.url}: say it "
                f"with --model {model.name},price=IN/OUT (dollars a million tokens), or bound the "
                "run with --max-tokens or --max-calls"
            )
    return models


def load_templates(folder: str | Path | None, run: Path | None = None) -> dict[str, Template]:
    """The texts of all templates by name, `task.md` included.

    A template is taken from the run's folder, where that has it; from the user's `folder`; from
    `./prompts`; from the package.

    Raises:
        UsageError: `folder` is none, or holds what is no template.
    """
    places = [run / "prompts"] if run is not None and (run / "prompts").is_dir() else []
    if folder is not None:
        own = Path(folder)
        if not own.is_dir():
            raise UsageError(f"--prompts {folder}: no such folder")
        unknown = sorted({file.name for file in own.glob("*.md")} - {*FILES, _TASK})
        if unknown:
            raise UsageError(
                f"{own / unknown[0]}: no template of that name is used; there are: "
                f"{', '.join((*FILES, _TASK))}"
            )
        places.append(own)
    found = {}
    for name in (*FILES, _TASK):
        file = next((p / name for p in places if (p / name).is_file()), None)
        file = file or packaged.find("prompts", name)
        if file is None:
            raise UsageError(f"no template prompts/{name} here, nor in the installation")
        try:
            found[name] = Template(file.read_text("utf-8"), str(file))
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{file}: {error}") from error
    return found


def make_prompts(
    config: EvolveConfig,
    task: Task,
    table: Table,
    cuts: Sequence[Cut],
    templates: dict[str, Template],
) -> Prompts:
    """The templates of a run, filled with what never changes in it, and checked."""
    own = templates[_TASK]
    system = {
        "task": describe(task, table, tuple(cuts), template=(own.text, own.origin)),
        "cuts": [
            {"name": cut.name, "fit_rows": len(cut.fit), "held_out_rows": len(cut.held_out)}
            for cut in cuts
        ],
    }
    most = task.parameter_limit
    limit = f"{most} parameters" if most else "as many parameters as it is worth"
    return Prompts(templates, system, limit, config.prompt_bytes)


class LLMRun:
    """The models of one driver of a run; close it after use.

    `check` before anything costs time, `attach` when the run's database is there.
    """

    def __init__(
        self,
        config: EvolveConfig,
        task: Task,
        table: Table,
        cuts: Sequence[Cut],
        symbolic: Callable[[], Proposer],
        say: Callable[[str], None],
        run: "Run | None" = None,
    ) -> None:
        self._models = resolve_models(config)
        templates = load_templates(config.prompts, None if run is None else run.folder)
        self._templates = templates
        prompts = make_prompts(config, task, table, cuts, templates)
        self._budget = Budget(
            BudgetLimits(config.max_cost_usd, config.max_tokens, config.max_calls)
        )
        called = ClientConfig(
            config.reply_tokens, config.temperature, config.call_timeout, config.patience
        )
        self._config = config
        self._lock = threading.Lock()
        self._run: Run | None = None
        self._places = Places(config.islands, config.offspring or 1, 0)
        self._early: list[Call] = []
        self._lost: dict[int, list[Call]] = {}
        self._prompt_bytes = len(prompts.system.encode()) + config.prompt_bytes + _REPAIR_BYTES
        self._client = Client(self._models, called, self._budget, self._keep, say)
        self._sandbox = open_tracer()
        try:
            require_protection(self._sandbox, config.unprotected)
        except BaseException:
            self.close()
            raise
        reader = LawReader(task, table, fit_rows(table, tuple(cuts)), self._sandbox)
        llm = LLMProposer(
            self._models, self._client, prompts, reader, self._recall, say,
            config.concurrency or CONCURRENCY,
        )  # fmt: skip
        self.proposer: Proposer = (
            llm if config.proposer == "llm" else MixedProposer(llm, symbolic())
        )

    def check(self) -> None:
        """Calls every model once; see `Client.check`."""
        self._client.check()

    def attach(self, run: "Run") -> None:
        """Takes over the run's ledger: what was spent, and what was paid for and lost."""
        store = run.store
        spent = store.spent() or {}
        tokens = spent.get("input_tokens", 0) + spent.get("output_tokens", 0)
        known = Spent(spent.get("calls", 0), tokens, spent.get("usd", 0.0))
        # Nobody knows what became of a call that was in flight: it counts as the dearest one.
        for _ in range(store.open_questions()):
            known = known.plus(self._dearest())
        with self._lock:
            self._run = run
            self._places = Places(
                self._config.islands, self._config.offspring or 1, len(run.starts())
            )
            self._budget.spent = known.plus(self._budget.spent)
            for call in self._early:
                store.add_call(_NO_CANDIDATE, call_row(call))
            self._early.clear()
        fields = ("kind", "model", "prompt", "reply", "input_tokens", "output_tokens", "seconds",
                  "usd", "outcome")  # fmt: skip
        for row in store.lost_replies():
            call = Call(**{name: row[name] for name in fields})
            self._lost.setdefault(row["candidate"], []).append(call)

    def ended(self) -> str | None:
        """Why no model can be asked any more; None as long as the budget allows it."""
        return self._budget.refused or None

    def keep_templates(self, folder: Path) -> None:
        """Writes the templates into a run's folder, so that the run goes on with them."""
        folder.mkdir(exist_ok=True)
        for name, found in self._templates.items():
            (folder / name).write_text(found.text, "utf-8")

    def close(self) -> None:
        """Ends the sandbox."""
        self._sandbox.close()

    def _dearest(self) -> Spent:
        tokens_in, tokens_out = self._prompt_bytes, self._config.reply_tokens
        usd = max(model.dollars(tokens_in, tokens_out) or 0.0 for model in self._models)
        return Spent(1, tokens_in + tokens_out, usd)

    def _keep(self, request: Request | None, call: Call) -> None:
        """Books a call, in the thread that made it."""
        with self._lock:
            if self._run is None:
                self._early.append(call)
                return
            run = self._run
        number = _NO_CANDIDATE if request is None else self._number(request)
        run.store.add_call(number, call_row(call))

    def _recall(self, request: Request) -> Sequence[Call]:
        return self._lost.get(self._number(request), ())

    def _number(self, request: Request) -> int:
        return self._places.number(request.generation, request.island, request.slot)
