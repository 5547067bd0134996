"""What a sandbox is to those who use it: jobs in, outcomes out, numbers and JSON only."""

from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Any, Protocol, Self


class Protection(StrEnum):
    """What stands between a program and the machine, strongest first."""

    FULL = "full"  # Landlock (files) and seccomp (system calls) and resource limits
    SECCOMP = "seccomp"  # no Landlock: seccomp, which refuses every open, and resource limits
    LIMITS = "limits"  # resource limits and a separate process only: not for strangers' code

    @property
    def holds_strangers(self) -> bool:
        """Whether code that somebody else wrote may run under it without the user's consent."""
        return self is not Protection.LIMITS


@dataclass(frozen=True, slots=True)
class Limits:
    """What one job may take.

    Attributes:
        cpu_seconds: CPU seconds of one step; a step ends when the child sends a frame.
        total_cpu_seconds: CPU seconds of the whole job, enforced by the kernel.
        wall_seconds: Backstop for a step that waits instead of computing.
        total_wall_seconds: Backstop for the whole job.
        memory_bytes: Address space of the child.
        reply_bytes: Most that the child may send back.
    """

    cpu_seconds: float = 60.0
    total_cpu_seconds: float = 600.0
    wall_seconds: float = 150.0
    total_wall_seconds: float = 1230.0
    memory_bytes: int = 2 << 30
    reply_bytes: int = 64 << 20


@dataclass(frozen=True, slots=True)
class Job:
    """One fork's work: messages that the child gets one after the other.

    Attributes:
        header: Of the first message; anything that JSON can carry.
        body: float64 bytes beside it.
        modules: Names that the program imports: a hint, so that known libraries among them are
            there before the fork. It grants nothing.
        more: Further messages. Each is sent when the child has sent `replies` frames for the one
            before, so that it can answer nothing with what it learns later.
        replies: Frames that each message but the last is answered with.
    """

    header: dict[str, Any]
    body: bytes = b""
    modules: tuple[str, ...] = ()
    more: tuple[tuple[dict[str, Any], bytes], ...] = ()
    replies: tuple[int, ...] = ()


class End(StrEnum):
    """How a child ended."""

    FINISHED = "finished"  # returned to the harness and left with exit status 0
    EXIT = "exit"  # left by itself, before or against the harness
    SIGNAL = "signal"  # crashed
    TIMEOUT = "timeout"
    MEMORY = "memory"
    FLOOD = "flood"  # sent more than it may, or something that is no frame


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came back from a job. The frames are the child's word and must be checked."""

    frames: tuple[tuple[dict[str, Any], bytes], ...]
    end: End
    reason: str = ""
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0


class Sandbox(Protocol):
    """Runs jobs one after the other, each in a process of its own.

    A candidate that crashes, hangs or lies is an Outcome. `errors.SandboxError` is raised only
    where the sandbox itself is broken; it must stop the run and never count against a candidate.
    """

    @property
    def protection(self) -> Protection:
        """What protection children run under on this machine."""
        ...

    @property
    def versions(self) -> dict[str, str]:
        """Versions of `python`, `numpy` and `scipy` that children see."""
        ...

    def run(self, job: Job, limits: Limits) -> Outcome:
        """Runs one job to its end; at most `limits`, whatever the child does."""
        ...

    def close(self) -> None:
        """Ends the sandbox and every process of it."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """How to build a sandbox; the switches that weaken it serve tests of the fallbacks."""

    landlock: bool = True
    seccomp: bool = True
