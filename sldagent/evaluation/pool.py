"""A pool of evaluators in Ray's workers."""

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sldagent.candidate import Evaluation, Status
from sldagent.errors import PrerequisiteError, SandboxError, SldagentError
from sldagent.evaluation.base import Evaluator
from sldagent.garbage import seldom_collecting
from sldagent.keys import hidden_keys
from sldagent.program import Program

# Makes an evaluator; runs once in every worker, hence it and what it returns to stay there.
Build = Callable[[], Evaluator]

_QUEUED_PER_WORKER = 2  # one running, one waiting: a worker never waits for the driver
_OBJECT_STORE = 80 << 20  # Ray's minimum; evaluations are a few kB
_TRIES = 2
_KNOCK_SECONDS = 5.0
_RAY_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Grandchildren of a dead worker (the sandbox's template) must not live on.
    "RAY_kill_child_processes_on_worker_exit_with_raylet_subreaper": "true",
    # What a dashboard would show of every call; there is none.
    "RAY_task_events_report_interval_ms": "0",
    "RAY_event_stats": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_enable_timeline": "0",
}


class _Worker:
    """What runs in a Ray actor."""

    def __init__(self, build: Build) -> None:
        self._evaluator = build()

    def evaluate(self, program: Program) -> Evaluation:
        with seldom_collecting():
            return self._evaluator.evaluate(program)


class RayPool:
    """Evaluates in Ray actors, one core each.

    A worker that dies is replaced and its program evaluated once more; a program whose worker dies
    a second time gets the status `error`. A broken sandbox raises `errors.SandboxError` here.

    Args:
        build: Makes a worker's evaluator; sent to the workers once.
        workers: Number of workers; None for one a core of the cluster.
        address: Address of a running cluster; None starts one on this machine that ends with
            this process.
    """

    def __init__(
        self, build: Build, workers: int | None = None, address: str | None = None
    ) -> None:
        folder = None
        self._watchdog = None
        if address is None:
            # Short, since Ray puts sockets there and their paths may have a hundred bytes.
            folder = tempfile.mkdtemp(prefix="sld-", dir="/tmp")
            with hidden_keys():
                self._watchdog = _start_watchdog(folder)
        with hidden_keys():  # a cluster's workers run programs of strangers
            self._ray = _start_ray(workers, address, folder)
        if workers is None:
            workers = max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        self._build = self._ray.put(build)
        self._actor = self._ray.remote(num_cpus=1, max_restarts=0)(_Worker)
        self._workers = [self._actor.remote(self._build) for _ in range(workers)]
        self._queue: deque[tuple[int, Program, int]] = deque()
        self._running: dict[Any, tuple[int, Program, int, int]] = {}

    @property
    def width(self) -> int:
        """How many programs keep every worker busy."""
        return _QUEUED_PER_WORKER * len(self._workers)

    def submit(self, key: int, program: Program) -> None:
        """Queues a program under a key of the caller's."""
        self._queue.append((key, program, 0))
        self._dispatch()

    def results(self, timeout: float | None = None) -> Iterator[tuple[int, Evaluation]]:
        """Waits for and yields results until nothing is queued, or for `timeout` seconds each."""
        while self._running or self._queue:
            self._dispatch()
            ready, _ = self._ray.wait(list(self._running), num_returns=1, timeout=timeout)
            if not ready:
                return
            for reference in ready:
                if reference not in self._running:
                    continue  # lost with its worker and queued again
                key, program, tries, worker = self._running.pop(reference)
                evaluation = self._take(reference, worker, (key, program, tries))
                if evaluation is not None:
                    yield key, evaluation

    def close(self) -> None:
        """Ends the workers, and the cluster where this pool started it."""
        with contextlib.suppress(Exception):
            for worker in self._workers:
                self._ray.kill(worker)
        self._ray.shutdown()
        if self._watchdog is not None:
            self._watchdog.communicate()  # closes its pipe: it kills what is left and ends

    def _dispatch(self) -> None:
        load = [0] * len(self._workers)
        for _, _, _, worker in self._running.values():
            load[worker] += 1
        while self._queue and min(load) < _QUEUED_PER_WORKER:
            key, program, tries = self._queue.popleft()
            worker = load.index(min(load))
            load[worker] += 1
            reference = self._workers[worker].evaluate.remote(program)
            self._running[reference] = (key, program, tries, worker)

    def _take(
        self, reference: Any, worker: int, job: tuple[int, Program, int]
    ) -> Evaluation | None:
        """The result behind a reference; None where the job went back into the queue."""
        exceptions = self._ray.exceptions
        try:
            evaluation: Evaluation = self._ray.get(reference)
        except exceptions.RayTaskError as error:
            cause = error.cause
            if isinstance(cause, SldagentError):
                raise cause from None
            raise
        except exceptions.ActorDiedError as error:
            if isinstance(error.__cause__, SldagentError):  # the evaluator could not be built
                raise error.__cause__ from None
            return self._replace(worker, job, str(error))
        except exceptions.RayActorError as error:
            return self._replace(worker, job, str(error))
        return evaluation

    def _replace(self, worker: int, job: tuple[int, Program, int], why: str) -> Evaluation | None:
        """Replaces a dead worker; its program is tried again, a waiting one is not blamed."""
        if "SandboxError" in why:
            raise SandboxError(why.strip().splitlines()[-1])
        waiting = [ref for ref, entry in self._running.items() if entry[3] == worker]
        for reference in waiting:
            key, program, tries, _ = self._running.pop(reference)
            self._queue.appendleft((key, program, tries))
        self._workers[worker] = self._actor.remote(self._build)
        key, program, tries = job
        if tries + 1 < _TRIES:
            self._queue.appendleft((key, program, tries + 1))
            return None
        return Evaluation(
            Status.ERROR, f"the program's worker process died {_TRIES} times while judging it"
        )


def _start_watchdog(folder: str) -> "subprocess.Popen[bytes]":
    """Sees to it that the cluster and its folder end with this process, even if that is killed."""
    script = Path(__file__).with_name("watchdog.py")
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(script), str(os.getpid()), folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _start_ray(workers: int | None, address: str | None, folder: str | None) -> Any:
    """Initialises Ray without a word on the screen."""
    for name, value in _RAY_SETTINGS.items():
        os.environ.setdefault(name, value)
    warnings.filterwarnings("ignore", module="ray")
    import ray
    from ray._private import worker

    # `log_to_driver=False` does not cover Ray's reports of dead workers, which this pool handles
    # and which would land among the results on stdout; there is no public switch for them.
    worker.print_to_stdstream = lambda *_args, **_settings: None
    if address is not None:
        _knock(address)
    settings: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        settings |= {
            "num_cpus": workers or os.cpu_count() or 1,
            "include_dashboard": False,
            "object_store_memory": _OBJECT_STORE,
            "_temp_dir": folder,
        }
    terminate = signal.getsignal(signal.SIGTERM)
    try:
        with _fewer_processes():
            ray.init(address=address or "local", **settings)
    except Exception as error:  # a node that starts too slowly raises just that
        where = f" at {address}" if address else ""
        text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise PrerequisiteError(f"Ray cannot be started{where}: {text}") from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, terminate)  # Ray sets one of its own
        # And it ignores SIGCHLD, which would lose the exit codes of every process started here.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    return ray


@contextlib.contextmanager
def _fewer_processes() -> Iterator[None]:
    """Has Ray start no reader of logs that nobody is shown, and no autoscaler that scales nothing.

    These two Python processes would wake up ten times a second beside the candidates; there is no
    public switch for them.
    """
    from ray._private.node import Node

    names = ("start_log_monitor", "start_monitor")
    kept = {name: getattr(Node, name) for name in names if hasattr(Node, name)}
    try:
        for name in kept:
            setattr(Node, name, lambda _self: None)
        yield
    finally:
        for name, method in kept.items():
            setattr(Node, name, method)


def _knock(address: str) -> None:
    """Raises where nobody listens at host:port; Ray itself would wait for minutes."""
    host, colon, port = address.rpartition(":")
    if "://" in address or not colon or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise PrerequisiteError(
            f"Ray cannot be started at {address}: {error}; start a cluster with `ray start --head`"
        ) from None
