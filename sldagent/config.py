"""What a person can set; validated at the edge, trusted inside."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sldagent.errors import UsageError

# Raise when an evaluation of the same program on the same rows may give another result.
HARNESS_VERSION = 8
SELECTIONS = ("rank", "uniform")


@dataclass(frozen=True, slots=True)
class EvaluationConfig:
    """How a program is judged.

    Attributes:
        fit_seconds: CPU seconds that fitting one group may take; a cut may take ten times that.
        memory_mib: Address space of a candidate's process in MiB.
        reject_literals: Whether parameters plus literals beyond twice the limit are rejected; a
            search does, judging somebody's program only counts and shows them.
    """

    fit_seconds: float = 60.0
    memory_mib: int = 2048
    reject_literals: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.fit_seconds <= 86_400:
            raise UsageError(f"--eval-timeout must lie between 0 and 86400 s: {self.fit_seconds:g}")
        if self.memory_mib < 256:
            raise UsageError(
                f"--memory must be at least 256 MiB (numpy needs that much): {self.memory_mib}"
            )


@dataclass(frozen=True, slots=True)
class EvolveConfig:
    """What `evolve` is asked to do; one field an option.

    What is None where it says "derived" is filled in when the run is made, and stored with it.

    Attributes:
        task: Name or path of the task; None makes one of the table `data`.
        data: Where the task's rows are; None asks SLDAGENT_DATA.
        targets: Columns that a law shall predict. They and the next six are for a table without a
            task; `sldagent.data.choices.Wishes` says more.
        groups: Columns that name a row's group; None guesses, none at all means no groups.
        ignore: Columns that no law shall see.
        roles: Roles of features by column.
        axes: The only features along which rows are held out.
        limit: Fitted numbers a group; None suggests one, 0 means no limit.
        keep: Rows not to leave out.
        generations: Generations after the start programs; None sets no limit.
        evaluations: Most candidates, in whole generations; None sets no limit.
        time_limit: Seconds of one driver, after which the run can be resumed.
        goal: Held-out R² of the best candidate that is enough.
        stall: Generations without a better candidate that are enough.
        proposer: Who writes programs; None is derived.
        islands: Sub-populations that exchange candidates now and then.
        offspring: Proposals of an island a generation; None is derived from the proposer.
        concurrency: Calls of a model in flight; None is the proposer's choice.
        lag: A proposal sees its island as of so many proposals before; None is derived from
            `concurrency`. Equal lags give equal searches.
        migrate_every: Generations from one migration to the next.
        migrants: Members that migrate from each island.
        reseed_every: Generations after which weak islands start again from a survivor.
        capacity: Most members of an island.
        selection: How parents are drawn: `rank` prefers the better, `uniform` does not.
        exemplars: Most programs shown beside the parents.
        seed: Of every random generator of the search.
        workers: Processes that evaluate; None for one a core.
        ray_address: A running cluster; None starts one on this machine.
        starts: Files of start programs, beside the seed population.
        seeds: Most programs of the seed population; None for all.
        models: Models that write programs, as `proposing.llm.models` reads them; none leaves it all
            to symbolic mutation. They and the next eleven are for models.
        base_url: Endpoint of models that name none; None asks OPENAI_BASE_URL, then is OpenAI's.
        prompts: Folder of prompt templates that come before the usual ones.
        prompt_bytes: Most bytes of a prompt beside its constant first part.
        reply_tokens: Most tokens of a reply, reasoning included.
        temperature: Of sampling; None leaves it to the server.
        call_timeout: Seconds that a call may take.
        patience: Seconds that a model server may be away before the run ends.
        max_cost_usd: Most dollars that calls may cost together.
        max_tokens: Most tokens that they may take together, in and out.
        max_calls: Most calls.
        unprotected: Run programs of strangers even where there is no sandbox.
        record: File that proposals are recorded in.
        replay: File of recorded proposals that are taken in place of a proposer's.
        name: Of the run; None makes one of time and task.
        runs: Folder that holds runs.
    """

    task: str | None = None
    data: str | None = None
    targets: tuple[str, ...] = ()
    groups: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()
    roles: Mapping[str, str] = field(default_factory=dict)
    axes: tuple[str, ...] = ()
    limit: int | None = None
    keep: tuple[str, ...] = ()
    generations: int | None = 50
    evaluations: int | None = None
    time_limit: float | None = None
    goal: float | None = None
    stall: int | None = None
    proposer: str | None = None
    islands: int = 4
    offspring: int | None = None
    concurrency: int | None = None
    lag: int | None = None
    migrate_every: int = 5
    migrants: int = 2
    reseed_every: int = 20
    capacity: int = 40
    selection: str = "rank"
    exemplars: int = 3
    seed: int = 0
    workers: int | None = None
    ray_address: str | None = None
    starts: tuple[str, ...] = ()
    seeds: int | None = None
    models: tuple[str, ...] = ()
    base_url: str | None = None
    prompts: str | None = None
    prompt_bytes: int = 32_000
    reply_tokens: int = 8192
    temperature: float | None = None
    call_timeout: float = 600.0
    patience: float = 120.0
    max_cost_usd: float | None = None
    max_tokens: int | None = None
    max_calls: int | None = None
    unprotected: bool = False
    record: str | None = None
    replay: str | None = None
    name: str | None = None
    runs: str = "runs"
    evaluation: EvaluationConfig = EvaluationConfig(reject_literals=True)

    def __post_init__(self) -> None:
        for value, least, option in (
            (self.generations, 0, "--generations"),
            (self.evaluations, 1, "--evaluations"),
            (self.stall, 1, "--stall"),
            (self.islands, 1, "--islands"),
            (self.offspring, 1, "--offspring"),
            (self.concurrency, 1, "--concurrency"),
            (self.lag, 1, "--lag"),
            (self.migrate_every, 1, "migrate_every"),
            (self.migrants, 1, "migrants"),
            (self.reseed_every, 1, "reseed_every"),
            (self.capacity, 1, "capacity"),
            (self.exemplars, 0, "exemplars"),
            (self.seed, 0, "--seed"),
            (self.seeds, 0, "--seeds"),
            (self.workers, 1, "--workers"),
            (self.prompt_bytes, 1000, "prompt_bytes"),
            (self.reply_tokens, 16, "--reply-tokens"),
            (self.max_tokens, 1, "--max-tokens"),
            (self.max_calls, 1, "--max-calls"),
            (self.temperature, 0, "--temperature"),
        ):
            if value is not None and value < least:
                raise UsageError(f"{option} must be at least {least}: {value}")
        if self.selection not in SELECTIONS:
            raise UsageError(f"selection is one of {', '.join(SELECTIONS)}: {self.selection}")
        if self.time_limit is not None and not self.time_limit > 0:
            raise UsageError(f"--time-limit must be positive: {self.time_limit:g} s")
        for seconds, option in (
            (self.call_timeout, "--call-timeout"),
            (self.patience, "--patience"),
            (self.max_cost_usd, "--max-cost-usd"),
        ):
            if seconds is not None and not 0 < seconds < float("inf"):
                raise UsageError(f"{option} must be positive: {seconds:g}")
        self._check_models()
        if self.goal is not None and not self.goal <= 1:
            raise UsageError(f"--goal is an R², which is at most 1: {self.goal:g}")
        if (self.generations, self.evaluations, self.time_limit) == (None, None, None):
            raise UsageError("give the search an end: --generations, --evaluations or --time-limit")
        if self.record is not None and self.replay is not None:
            raise UsageError("--record and --replay exclude each other: nothing new is proposed")
        if self.name is not None and (
            self.name in ("", ".", "..", "latest") or set(self.name) & set("/\\\0")
        ):
            raise UsageError(f"--name must be a plain folder name, not '{self.name}'")

    def _check_models(self) -> None:
        """Options that are for models need one, and the other way round."""
        asks = self.proposer in ("llm", "mixed")
        if self.models and self.proposer is not None and not asks:
            raise UsageError(
                f"--model is for the proposers llm and mixed, not for '{self.proposer}'"
            )
        if self.models and self.replay is not None:
            raise UsageError("--model and --replay exclude each other: no model is asked")
        if self.models:
            return
        if asks and self.replay is None:
            raise UsageError(f"proposer '{self.proposer}' needs a --model")
        for value, option in (
            (self.base_url, "--base-url"),
            (self.prompts, "--prompts"),
            (self.temperature, "--temperature"),
            (self.max_cost_usd, "--max-cost-usd"),
            (self.max_tokens, "--max-tokens"),
            (self.max_calls, "--max-calls"),
        ):
            if value is not None:
                raise UsageError(f"{option} is for models; name one with --model")
