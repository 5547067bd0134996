"""Drives a search from its configuration to the end of its run: what `evolve` and `resume` do."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sldagent.config import EvolveConfig
from sldagent.cuts import Cut, make_cuts
from sldagent.data.newtask import Draft, name_or_draft
from sldagent.data.sources import anchor, load_or_measured, load_train
from sldagent.data.tasks import find_task, lasting_name
from sldagent.data.writing import write_task
from sldagent.errors import BudgetError, SldagentError, UsageError
from sldagent.evaluation.base import EvaluatorPool
from sldagent.evaluation.key import evaluation_key
from sldagent.evolution import stopping
from sldagent.evolution.loop import Search
from sldagent.evolution.migration import Exchange, Reseeding, Ring
from sldagent.evolution.places import Places
from sldagent.evolution.search import Generation, SearchConfig
from sldagent.evolution.selection import BestExemplars, RankSelection
from sldagent.garbage import seldom_collecting
from sldagent.journal import StoreJournal
from sldagent.program import Program
from sldagent.proposing.base import Proposer, Start
from sldagent.proposing.replay import Recorder, Replay
from sldagent.run import PROMPTS, TASKS, Run
from sldagent.table import Table
from sldagent.task import Task

if TYPE_CHECKING:
    from sldagent.llmrun import LLMRun

MakePool = Callable[[Task, Table, Sequence[Cut], EvolveConfig], EvaluatorPool]
_DEFAULT_PROPOSER = "symbolic"
_WITH_MODELS = "mixed"
_OFFSPRING, _OFFSPRING_WITH_MODELS = 3, 2  # of an island a generation
_AT_LEAST_UNDER_WAY = 16  # proposals of all islands together, so that several workers have work
_RECORDED = ("islands", "offspring", "lag", "seed")  # what a replay takes over


@dataclasses.dataclass(frozen=True, slots=True)
class Watch:
    """Who looks on, and may ask for the end.

    Attributes:
        planned: Called when everything that the search needs was found.
        started: Called when the run's folder exists.
        generation: Called after every generation.
        stop: Asked often whether the search shall be interrupted, and why.
        notice: Told what a person should know meanwhile, in any thread.
    """

    planned: Callable[["Plan"], None] = lambda plan: None
    started: Callable[[Run], None] = lambda run: None
    generation: Callable[[Generation], None] = lambda generation: None
    stop: Callable[[], str | None] = lambda: None
    notice: Callable[[str], None] = lambda words: None


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What a search would do.

    Attributes:
        config: The configuration with everything derived.
        task: The task.
        table: Its training rows.
        cuts: The cuts that programs are judged on.
        starts: The start programs.
        deterministic: Whether the search can be repeated exactly.
        draft: How the task was made, where it was made of a user's table.
    """

    config: EvolveConfig
    task: Task
    table: Table
    cuts: tuple[Cut, ...]
    starts: tuple[Start, ...]
    deterministic: bool
    draft: Draft | None = None

    def keep_task(self, tasks: Path) -> None:
        """Writes the task into a folder of tasks, where it is found nowhere else."""
        if self.draft is not None:
            write_task(self.draft, tasks / self.task.name)

    @property
    def most_evaluations(self) -> int | None:
        """The most programs that are evaluated; None where only the clock or a goal ends it."""
        assert self.config.offspring is not None
        places = Places(self.config.islands, self.config.offspring, len(self.starts))
        most = stopping.FirstOf(_stops(self.config, lambda: None)).generations(places)
        if most is None:
            return None
        return places.first + most * self.config.islands * self.config.offspring


def plan(config: EvolveConfig) -> Plan:
    """Loads all that a search needs, and derives what its configuration leaves open.

    Raises:
        SldagentError: The task, its rows, a start program, the proposer or the recording is wrong.
    """
    config = _from_recording(config)
    chosen = name_or_draft(
        config.task, config.data, targets=config.targets, groups=config.groups,
        ignore=config.ignore, roles=config.roles, axes=config.axes, limit=config.limit,
        keep=config.keep,
    )  # fmt: skip
    draft = None
    if isinstance(chosen, Draft):
        draft, where, data = chosen, chosen.task.name, None
        task, table = draft.task, draft.table
    else:
        task, table = load_or_measured(find_task(chosen), config.data)
        where, data = lasting_name(task), anchor(task, config.data)
    cuts = make_cuts(task, table)
    if config.models:
        config = _with_models(config, task, table, cuts)
        asked, deterministic = llm_concurrency(), False
    else:
        proposer = _proposer(config, task, table)
        asked, deterministic = proposer.concurrency, proposer.deterministic
    offspring = config.offspring or (_OFFSPRING_WITH_MODELS if config.models else _OFFSPRING)
    concurrency = config.concurrency or asked
    # Twice as much, since calls of one island wait for each other's results.
    ahead = max(2 * concurrency if concurrency > 1 else 0, _AT_LEAST_UNDER_WAY)
    resolved = dataclasses.replace(
        config,
        task=where,
        data=data,
        proposer=config.proposer or (_WITH_MODELS if config.models else _DEFAULT_PROPOSER),
        offspring=offspring,
        concurrency=concurrency,
        lag=config.lag or max(offspring, math.ceil(ahead / config.islands)),
        record=str(Path(config.record).resolve()) if config.record else None,
        replay=str(Path(config.replay).resolve()) if config.replay else None,
    )
    starts = _starts(resolved, task, table)
    return Plan(resolved, task, table, cuts, tuple(starts), deterministic, draft)


def _with_models(
    config: EvolveConfig, task: Task, table: Table, cuts: Sequence[Cut]
) -> EvolveConfig:
    """The configuration with its models and templates checked, and where they are."""
    from sldagent import llmrun
    from sldagent.proposing.llm.models import base_url

    llmrun.resolve_models(config)
    prompts = str(Path(config.prompts).resolve()) if config.prompts else None
    llmrun.make_prompts(config, task, table, cuts, llmrun.load_templates(prompts))
    return dataclasses.replace(config, base_url=base_url(config.base_url), prompts=prompts)


def llm_concurrency() -> int:
    """Calls of models that are in flight together unless the user says otherwise."""
    from sldagent.llmrun import CONCURRENCY

    return CONCURRENCY


def evolve(config: EvolveConfig, make_pool: MakePool, watch: Watch) -> Run:
    """Searches for a task's law and returns its run, finished or interrupted."""
    planned = plan(config)
    watch.planned(planned)
    task, table, cuts = planned.task, planned.table, planned.cuts
    with _models(planned.config, task, table, cuts, watch) as llm:
        if llm is not None:
            llm.check()

        def furnish(folder: Path) -> None:
            planned.keep_task(folder / TASKS)
            if llm is not None:
                llm.keep_templates(folder / PROMPTS)

        run = Run.create(planned.config, task, table, cuts, planned.starts, furnish)
        watch.started(run)
        if llm is not None:
            llm.attach(run)
        _drive(run, task, table, cuts, make_pool, watch, llm)
    return run


def resume(path: Path, make_pool: MakePool, watch: Watch) -> Run:
    """Goes on with an interrupted run.

    Raises:
        UsageError: Rows, task, limits or versions are no longer those of the run, so that new
            scores could not be compared with old ones; or another process drives the run.
    """
    run = Run.open(path)
    row = run.store.run()
    if row["finished_at"]:
        return run
    with run.driving():
        pass  # says at once where another process drives it
    config = run.config()
    task = run.task()
    table = load_train(task, config.data)
    cuts = make_cuts(task, table)
    if evaluation_key(task, table, cuts, config.evaluation) != row["evaluation_key"]:
        what = "rows" if table.sha256 != row["data_sha256"] else "task, limits or versions"
        raise UsageError(
            f"run '{run.folder.name}' cannot be continued: its {what} changed since it was started "
            f"(rows from {table.origin}), so that new scores would not compare with old ones"
        )
    watch.started(run)
    with _models(config, task, table, cuts, watch, run) as llm:
        if llm is not None:
            llm.attach(run)
            llm.check()
        _drive(run, task, table, cuts, make_pool, watch, llm, resumed=True)
    return run


@contextmanager
def _models(
    config: EvolveConfig,
    task: Task,
    table: Table,
    cuts: Sequence[Cut],
    watch: Watch,
    run: Run | None = None,
) -> "Iterator[LLMRun | None]":
    """The models that a run asks, where it asks any."""
    if not config.models:
        yield None
        return
    from sldagent.llmrun import LLMRun
    from sldagent.proposing.symbolic import SymbolicProposer

    llm = LLMRun(
        config, task, table, cuts, lambda: SymbolicProposer(task, table), watch.notice, run
    )
    try:
        yield llm
    finally:
        llm.close()


def _drive(
    run: Run,
    task: Task,
    table: Table,
    cuts: Sequence[Cut],
    make_pool: MakePool,
    watch: Watch,
    llm: "LLMRun | None",
    resumed: bool = False,
) -> None:
    """Searches to the end of the run's configuration, from wherever its database stands."""
    config = run.config()
    inner = _proposer(config, task, table) if llm is None else llm.proposer
    spent = (lambda: None) if llm is None else llm.ended
    with run.driving(), seldom_collecting(), _recorded(config, inner, resumed) as proposer:
        if (mode := run.store.journal_mode()) != "wal":
            watch.notice(
                f"{run.folder} lies where SQLite cannot keep a write-ahead log (journal mode "
                f"{mode}): reading the run meanwhile may have to wait"
            )
        pool = make_pool(task, table, cuts, config)
        try:
            run.point_latest()  # only now: a run whose workers cannot start is not worth it
            search = Search(
                _search_config(config),
                run.starts(),
                proposer,
                pool,
                StoreJournal(run.store),
                [*_stops(config, watch.stop), stopping.When(spent)],
            )
            kept = None
            for generation in search.run():
                if search.best is not None and not generation.recorded:
                    if search.best[0].number != kept:
                        run.keep_best(*search.best)
                    kept = search.best[0].number
                watch.generation(generation)
            if search.best is not None:
                run.keep_best(*search.best)
            if end := search.end or spent():  # what a budget ended cannot be gone on with
                run.store.finish(end)
            else:
                run.store.interrupt(search.interruption or "")
        except BudgetError as error:
            run.store.finish(str(error))  # nothing to go on with
            raise
        except SldagentError as error:
            run.store.interrupt(str(error))
            raise
        finally:
            pool.close()


def _search_config(config: EvolveConfig) -> SearchConfig:
    assert config.offspring is not None
    assert config.lag is not None
    return SearchConfig(
        islands=config.islands,
        offspring=config.offspring,
        lag=config.lag,
        capacity=config.capacity,
        seed=config.seed,
        selection=RankSelection(uniform=config.selection == "uniform"),
        exemplars=BestExemplars(config.exemplars),
        exchange=Exchange(
            Ring(config.migrate_every, config.migrants), Reseeding(config.reseed_every)
        ),
    )


def _stops(config: EvolveConfig, asked: Callable[[], str | None]) -> list[stopping.Stop]:
    rules: list[stopping.Stop] = [stopping.When(asked)]
    if config.generations is not None:
        rules.append(stopping.Generations(config.generations))
    if config.evaluations is not None:
        rules.append(stopping.Evaluations(config.evaluations))
    if config.goal is not None:
        rules.append(stopping.Target(config.goal))
    if config.stall is not None:
        rules.append(stopping.Stall(config.stall))
    if config.time_limit is not None:
        rules.append(stopping.TimeLimit(config.time_limit))
    return rules


def _starts(config: EvolveConfig, task: Task, table: Table) -> list[Start]:
    """The user's start programs, then the seed population."""
    from sldagent.proposing.symbolic import seeds

    starts = [
        Start(Program.read(path), "start", f"start program {Path(path).name}")
        for path in config.starts
    ]
    for start in starts:
        _ = start.program.block  # one without its markers is an error now, not later
    starts += seeds(task, table)[: config.seeds]
    if not starts:
        raise UsageError("nothing to begin with: raise --seeds or give a program with --start")
    return starts


def _proposer(config: EvolveConfig, task: Task, table: Table) -> Proposer:
    if config.replay is not None:
        return Replay(Path(config.replay))
    name = config.proposer or _DEFAULT_PROPOSER
    if name != _DEFAULT_PROPOSER:
        raise UsageError(f"no proposer '{name}'; there is: {_DEFAULT_PROPOSER}")
    from sldagent.proposing.symbolic import SymbolicProposer

    return SymbolicProposer(task, table)


@contextmanager
def _recorded(config: EvolveConfig, proposer: Proposer, resumed: bool) -> Iterator[Proposer]:
    """The proposer, with a recorder around it where that is asked for."""
    if config.record is None:
        yield proposer
        return
    header = {name: getattr(config, name) for name in (*_RECORDED, "task", "proposer")}
    recorder = Recorder(proposer, Path(config.record), header, resumed)
    try:
        yield recorder
    finally:
        recorder.close()


def _from_recording(config: EvolveConfig) -> EvolveConfig:
    """With `replay`, the width and the seed of the recorded search."""
    if config.replay is None:
        return config
    header = Replay(Path(config.replay)).header
    try:
        return dataclasses.replace(config, **{name: header[name] for name in _RECORDED})
    except KeyError as error:
        raise UsageError(f"the recording {config.replay} does not say its {error}") from None
