"""The parent's side of the sandbox: starts the template process and runs jobs through it."""

import contextlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sldagent.errors import SandboxError
from sldagent.sandbox.protocol import End, Job, Limits, Outcome, Protection, SandboxOptions
from sldagent.sandbox.template import REPORT, REQUEST
from sldagent.sandbox.wire import FrameReader, pack

# Settings of the linear-algebra kernels and the loader, which may be needed to compute at all; the
# rest of the parent's environment, keys included, never reaches the template.
_PASSED_ON = (
    "LD_LIBRARY_PATH",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "NPY_DISABLE_CPU_FEATURES",
)
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
_START_SECONDS = 60.0
_LEAVE_SECONDS = 5.0  # a child that has closed its channel needs milliseconds to end


class TemplateDied(Exception):
    """The template process went away in the middle of a job; the caller may try once more."""


class TemplateSandbox:
    """A template process and the children it forks, one at a time.

    Args:
        harness: Python file whose `run(channel)` does a job inside the child. It may have
            `REHEARSALS`, jobs (header, body) that the template does before it forks, and
            `prepare()`, which the template calls when it has imported modules.
        options: Which protections to use where the kernel has them.
        whole: Import everything that programs may import, for jobs whose program imports what its
            text does not tell; a template without it has one with it, once there is such a job.

    The template starts at once and in the background; the first `run` waits until it is ready.
    """

    def __init__(
        self, harness: Path, options: SandboxOptions | None = None, *, whole: bool = False
    ) -> None:
        self._harness = harness
        self._options = options or SandboxOptions()
        self._is_whole = whole
        self._whole: TemplateSandbox | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._hello: dict[str, Any] | None = None
        self._announced: set[str] = set()
        self._start()

    @property
    def protection(self) -> Protection:
        """What protection children run under on this machine."""
        return Protection(self._ready()["protection"])

    @property
    def versions(self) -> dict[str, str]:
        """Versions of `python`, `numpy` and `scipy` that children see."""
        python = ".".join(map(str, sys.version_info[:3]))
        return {"python": python, **self._ready()["versions"]}

    def run(self, job: Job, limits: Limits) -> Outcome:
        """Runs one job, twice where it asks for a module that its template does not have."""
        outcome = self._once(job, limits)
        if self._is_whole or not outcome.frames or "wanted" not in outcome.frames[-1][0]:
            return outcome
        if self._whole is None:
            self._whole = TemplateSandbox(self._harness, self._options, whole=True)
        again = self._whole.run(job, limits)
        return replace(
            again,
            cpu_seconds=outcome.cpu_seconds + again.cpu_seconds,
            wall_seconds=outcome.wall_seconds + again.wall_seconds,
        )

    def _once(self, job: Job, limits: Limits) -> Outcome:
        """Runs one job; a template that was killed from outside is replaced once."""
        try:
            return self._run(job, limits)
        except TemplateDied:
            self.close()
            self._start()
        try:
            return self._run(job, limits)
        except TemplateDied as error:
            raise SandboxError(
                f"the sandbox's template process died twice on one job ({error}); "
                "see `sldagent doctor`"
            ) from None

    def close(self) -> None:
        """Ends the template and whatever child it has."""
        if self._whole is not None:
            self._whole.close()
            self._whole = None
        if self._control is not None:
            self._control.close()  # the template kills its child and leaves
            self._control = None
        if self._process is not None:
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        self._hello = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        environment = {"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", **dict.fromkeys(_THREADS, "1")}
        environment |= {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        wanted = [name for name in ("landlock", "seccomp") if getattr(self._options, name)]
        wanted += ["whole"] if self._is_whole else []
        script = Path(__file__).with_name("template.py")
        command = [sys.executable, "-s", "-P", str(script), str(theirs.fileno())]
        try:
            self._process = subprocess.Popen(
                [*command, str(self._harness), ",".join(wanted)],
                env=environment,
                cwd="/",
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise SandboxError(f"the sandbox cannot start {sys.executable}: {error}") from error
        finally:
            theirs.close()
        self._control = ours
        self._announced = set()

    def _ready(self) -> dict[str, Any]:
        if self._hello is None:
            self._hello = self._handshake()
        return self._hello

    def _handshake(self) -> dict[str, Any]:
        assert self._control is not None
        assert self._process is not None
        self._control.settimeout(_START_SECONDS)
        try:
            (size,) = struct.unpack("!I", self._receive(4))
            hello: dict[str, Any] = json.loads(self._receive(size))
        except TemplateDied:
            code = self._process.wait()
            raise SandboxError(
                f"the sandbox's template process ended at its start (exit status {code}); "
                f"run `{sys.executable} -s -P -c 'import numpy, scipy'` to see whether it can work"
            ) from None
        except TimeoutError:
            raise SandboxError(
                f"the sandbox's template process was not ready after {_START_SECONDS:.0f} s"
            ) from None
        self._control.settimeout(None)
        if "error" in hello:
            last = hello["error"].strip().splitlines()[-1]
            raise SandboxError(f"the sandbox cannot be built here: {last}")
        return hello

    def _receive(self, size: int) -> bytes:
        assert self._control is not None
        data = b""
        while len(data) < size:
            try:
                part = self._control.recv(size - len(data))
            except ConnectionError as error:
                raise TemplateDied(str(error)) from error
            if not part:
                raise TemplateDied("it closed its socket")
            data += part
        return data

    def _run(self, job: Job, limits: Limits) -> Outcome:
        self._ready()
        assert self._control is not None
        self._announce(set(job.modules))
        ours, theirs = socket.socketpair()
        request = REQUEST.pack(b"J", limits.total_cpu_seconds, limits.memory_bytes)
        start = time.monotonic()
        with ours:
            try:
                socket.send_fds(self._control, [request], [theirs.fileno()])
            except OSError as error:
                raise TemplateDied(str(error)) from error
            finally:
                theirs.close()
            _, pid, _, _, _ = REPORT.unpack(self._receive(REPORT.size))
            conversation = _Conversation(ours, pid, limits)
            end, reason = conversation.hold(job)
        if end is None and not self._ends_soon():
            end, reason = End.EXIT, "the process closed its channel and went on running"
        if end is not None:
            with contextlib.suppress(OSError):
                self._control.sendall(REQUEST.pack(b"K", 0.0, 0))
        _, status, user, system, _ = REPORT.unpack(self._receive(REPORT.size))
        if end is None:
            end, reason = _verdict(status, user + system, limits)
        wall = time.monotonic() - start
        frames = conversation.frames
        first = frames[0][0] if frames else {}
        if first.get("locked") is not True:
            if "error" in first:
                last = str(first["error"]).strip().splitlines()[-1]
                raise SandboxError(f"the sandbox cannot lock its children: {last}")
            raise TemplateDied(reason or "a child ended before it was locked")
        return Outcome(tuple(frames[1:]), end, reason, user + system, wall)

    def _ends_soon(self) -> bool:
        """Whether the report of a child that has closed its channel comes in reasonable time."""
        assert self._control is not None
        return bool(select.select([self._control], [], [], _LEAVE_SECONDS)[0])

    def _announce(self, modules: set[str]) -> None:
        """Tells the template which modules are wanted that it has not been told of."""
        assert self._control is not None
        if new := modules - self._announced:
            text = json.dumps(sorted(new)).encode()
            try:
                self._control.sendall(REQUEST.pack(b"I", 0.0, len(text)) + text)
            except OSError as error:
                raise TemplateDied(str(error)) from error
            self._announced |= new


def _verdict(status: int, cpu: float, limits: Limits) -> tuple[End, str]:
    """What a child's wait status means, where the parent had no reason to kill it."""
    code = os.waitstatus_to_exitcode(status)
    if code == 0:
        return End.FINISHED, ""
    if code > 0:
        return End.EXIT, f"the process left with exit status {code}"
    number = -code
    if number == signal.SIGXCPU or (number == signal.SIGKILL and cpu >= limits.total_cpu_seconds):
        return End.TIMEOUT, f"took more than {limits.total_cpu_seconds:g} CPU seconds"
    if number == signal.SIGKILL:
        return End.MEMORY, "was killed by the system, as happens when memory runs out"
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    return End.SIGNAL, f"the process crashed with {name}"


class _Conversation:
    """One job's traffic with its child, under the clocks of `Limits`."""

    def __init__(self, channel: socket.socket, pid: int, limits: Limits) -> None:
        self._reader = FrameReader(limits.reply_bytes)
        self._channel = channel
        self._limits = limits
        # The CPU clock of another process, as Linux's clock ids encode it: pid, then "scheduler".
        self._clock = (~pid << 3) | 2

    @property
    def frames(self) -> list[tuple[dict[str, Any], bytes]]:
        """What the child has sent."""
        return self._reader.frames

    def _cpu(self) -> float:
        try:
            return time.clock_gettime(self._clock)
        except OSError:
            return 0.0  # the child has ended, or the platform has no such clock

    def hold(self, job: Job) -> tuple[End | None, str]:
        """Sends messages and reads frames until the child closes; says why to kill it, if so."""
        channel, limits = self._channel, self._limits
        channel.setblocking(False)
        unsent = memoryview(pack(job.header, job.body))
        later = list(zip(job.replies, job.more, strict=True))
        due = 1 + later[0][0] if later else 0  # frames after which the next message goes out
        start = step_wall = time.monotonic()
        step_cpu = 0.0
        poll = select.poll()
        poll.register(channel, select.POLLIN | select.POLLOUT)
        while True:
            patience = min(1.0, max(0.02, limits.cpu_seconds + step_cpu - self._cpu()))
            events = poll.poll(patience * 1000)
            if events and events[0][1] & select.POLLOUT and unsent:
                try:
                    unsent = unsent[channel.send(unsent) :]
                except OSError:
                    unsent = memoryview(b"")  # the child is gone: what it left is read below
                if not unsent:
                    poll.modify(channel, select.POLLIN)
            if events and events[0][1] & ~select.POLLOUT:
                known = len(self.frames)
                try:
                    data = channel.recv(1 << 18)
                    if not data:
                        return None, ""
                    self._reader.feed(data)
                except BlockingIOError:
                    continue
                except ConnectionError:
                    return None, ""
                except ValueError as error:
                    return End.FLOOD, str(error)
                if len(self.frames) > known:
                    step_wall, step_cpu = time.monotonic(), self._cpu()
                while later and len(self.frames) >= due:
                    _, message = later.pop(0)
                    unsent = memoryview(bytes(unsent) + pack(*message))
                    due += later[0][0] if later else 0
                    poll.modify(channel, select.POLLIN | select.POLLOUT)
            if self._cpu() - step_cpu > limits.cpu_seconds:
                return End.TIMEOUT, f"took more than {limits.cpu_seconds:g} CPU seconds"
            if time.monotonic() - step_wall > limits.wall_seconds:
                return End.TIMEOUT, f"gave nothing for {limits.wall_seconds:g} s of wall time"
            if time.monotonic() - start > limits.total_wall_seconds:
                return End.TIMEOUT, f"took more than {limits.total_wall_seconds:g} s of wall time"
