"""What a person can set; validated at the edge, trusted inside."""

from dataclasses import dataclass

from sldagent.errors import UsageError

# Raise when an evaluation of the same program on the same rows may give another result.
HARNESS_VERSION = 1


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

    Attributes:
        task: Name or path of the task.
        data: Where its rows are; None asks SLDAGENT_DATA.
        generations: Generations after the start programs.
        offspring: Proposals a generation.
        seed: Of every random generator of the search.
        workers: Processes that evaluate; None for one a core.
        ray_address: A running cluster; None starts one on this machine.
        starts: Files of start programs; none means the built-in one.
        name: Of the run; None makes one of time and task.
        runs: Folder that holds runs.
    """

    task: str
    data: str | None = None
    generations: int = 50
    offspring: int = 8
    seed: int = 0
    workers: int | None = None
    ray_address: str | None = None
    starts: tuple[str, ...] = ()
    name: str | None = None
    runs: str = "runs"
    evaluation: EvaluationConfig = EvaluationConfig(reject_literals=True)

    def __post_init__(self) -> None:
        for value, least, option in (
            (self.generations, 0, "--generations"),
            (self.offspring, 1, "--offspring"),
            (self.seed, 0, "--seed"),
            (1 if self.workers is None else self.workers, 1, "--workers"),
        ):
            if value < least:
                raise UsageError(f"{option} must be at least {least}: {value}")
        if self.name is not None and (
            self.name in ("", ".", "..", "latest") or set(self.name) & set("/\\\0")
        ):
            raise UsageError(f"--name must be a plain folder name, not '{self.name}'")
