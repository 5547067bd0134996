"""The template process: imports libraries once, then forks a locked child for every job.

Started by `process.TemplateSandbox` as a script (`python -s -P template.py …`) with an empty
environment and one inherited descriptor, the control socket. It never sees a job's contents: each
job comes with a socket of its own, handed to the child, so that nothing of one job can be found in
the memory of another. Messages on the control socket have a fixed size:

    parent -> template   J + the job's socket: total CPU seconds, memory bytes
                         I: length, then as many bytes of JSON: names of modules to import
                         K: kill the child
    template -> parent   length and JSON when ready or unable to start
                         P: process id of the child; X: its end

Children can open no file, so that what they import must be here before the fork. A template has
what programs say that they import; a child that asks for more says so in a frame and leaves, and
the parent does the job again with a `whole` template, which has everything. A template that loaded
what a child asks for would remember for that child what it was given.
"""

import contextlib
import ctypes
import gc
import importlib
import importlib.util
import json
import os
import pkgutil
import resource
import select
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

REQUEST = struct.Struct("!cdQ")  # b"J", b"I" or b"K"; total CPU seconds; memory bytes or length
REPORT = struct.Struct("!ciddQ")  # b"P" or b"X", pid or wait status, user s, system s, max RSS kB
JOB_FD = 3
_TIMES = 20  # Python 3.11 specialises what has run eight times
_HUGE = 2 << 20
_MADV_COLLAPSE = 25  # Linux 6.1
# The C library's fork: Python's own has every module tidy up after it (locks, random seeds), which
# touches two hundred pages of a process that has one thread and seeds in its harness.
_fork = ctypes.PyDLL(None).fork

# What nearly every program uses: loaded before the first fork, so that no child pays for it.
_PRELOAD = """
collections dataclasses functools itertools math random typing warnings numpy numpy.linalg numpy.ma
""".split()
# Loaded where a program names any part of scipy: what it imports only when a function is called.
_SCIPY = """
scipy scipy.linalg scipy.optimize scipy.special scipy._lib.pyprima scipy._lib.cobyqa
multiprocessing multiprocessing.pool
""".split()
# Others are loaded when a program names them, since every page and every mapped library makes
# every fork slower (scipy's double the time of one): modules of these packages and of the standard
# library, but for those that do something when they are imported, or belong to builds and tests.
_LIBRARIES = ("numpy", "scipy")
_NOT_THESE = frozenset(
    """
    __main__ _precompute _pyinstaller antigravity conftest distutils ensurepip idlelib lib2to3
    mypy_plugin pydoc_data setup test tests this tkinter turtle turtledemo venv
    """.split()
)


class Imports:
    """What may be imported: nothing else that happens to be installed, and no files in a child.

    The first of the finders, asked for what is not loaded.

    Attributes:
        ask: In a child what to call with the name of a module that is known but not loaded.
    """

    def __init__(self) -> None:
        self.ask: Callable[[str], object] | None = None
        self.closed = False

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Lets a known module be found; raises ModuleNotFoundError for others."""
        if self.knows(name) and not self.closed:
            if self.ask is not None:
                self.ask(name)
            return
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    def knows(self, name: str) -> bool:
        """Whether the template may import it."""
        top = name.partition(".")[0]
        # What else is loaded already was loaded by its path: the harness's own parts.
        known = top in _LIBRARIES or top in sys.stdlib_module_names or top in sys.modules
        known |= top.startswith("_sysconfigdata")  # the rest of its name says what was built
        return known and not _NOT_THESE & set(name.split("."))


def _load(path: str, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Parts(NamedTuple):
    """The modules that the template loaded by path, the lock that it built, its finder."""

    lockdown: ModuleType
    wire: ModuleType
    harness: ModuleType
    lock: Any
    imports: Imports
    whole: bool


def _child(job: int, parts: Parts, cpu: float, memory: int) -> None:
    """Turns the fresh fork into a locked child and runs the harness; never returns."""
    lock = parts.lock
    channel = parts.wire.Channel(JOB_FD)
    try:
        parts.lockdown.die_with_parent()
        ruleset = lock.landlock_fd
        os.dup2(job, JOB_FD)  # the ruleset has a high number: it is not overwritten here
        if ruleset >= 0:
            os.dup2(ruleset, JOB_FD + 1)
            lock.landlock_fd = JOB_FD + 1
        os.closerange(JOB_FD + 1 + (ruleset >= 0), 4096)
        whole = int(cpu) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (whole, whole + 1))
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

        def ask(name: str) -> None:
            channel.send({"wanted": name})
            os._exit(0)

        parts.imports.ask, parts.imports.closed = ask, parts.whole
        lock.apply()
        channel.send({"locked": True})  # from here on, whatever fails is the program's doing
    except BaseException:
        channel.send({"locked": False, "error": traceback.format_exc(limit=3)})
        os._exit(1)
    try:
        parts.harness.run(channel)
    except BaseException:
        os._exit(1)
    os._exit(0)


def _supervise(control: socket.socket, pid: int) -> bool:
    """Waits for the child, kills it where the parent says so; False when the parent is gone."""
    alive = True
    pidfd = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else -1
    poll = select.poll()
    poll.register(control, select.POLLIN)
    if pidfd >= 0:
        poll.register(pidfd, select.POLLIN)
    while True:
        ready = {fd for fd, _ in poll.poll(None if pidfd >= 0 else 2)}
        if control.fileno() in ready:
            message = control.recv(REQUEST.size)
            os.kill(pid, signal.SIGKILL)
            if not message:
                alive = False
                poll.unregister(control)
        if pidfd < 0 or pidfd in ready or not alive:
            done, status, usage = os.wait4(pid, 0 if not alive or pidfd >= 0 else os.WNOHANG)
            if done:
                break
    if pidfd >= 0:
        os.close(pidfd)
    if alive:
        control.sendall(
            REPORT.pack(b"X", status, usage.ru_utime, usage.ru_stime, max(0, usage.ru_maxrss))
        )
    return alive


def _import(name: str, imports: Imports) -> ModuleType | None:
    """Imports a module that may be; a name that is none (a function, a mistake) does nothing."""
    if imports.knows(name):
        with contextlib.suppress(Exception, SystemExit):
            return importlib.import_module(name)
    return None


def _import_all(wanted: list[str], imports: Imports) -> None:
    """Imports what programs name, and what that imports only when a function is called."""
    if any(name.partition(".")[0] == "scipy" for name in wanted):
        wanted = [*_SCIPY, *wanted]
    for name in wanted:
        _import(name, imports)
    if "scipy.stats.qmc" in sys.modules:
        # The first points read a file of numbers, which in a child would silently give zeros.
        with contextlib.suppress(Exception):
            sys.modules["scipy.stats.qmc"].Sobol(2, scramble=False).random(1)


def everything(imports: Imports) -> list[str]:
    """Names of all modules that may be imported, which are imported on the way: 1,400 in 2 s."""
    names = [*sorted(sys.stdlib_module_names), *_LIBRARIES]
    for name in names:  # grows on the way
        inside = getattr(_import(name, imports), "__path__", ())
        found = (info.name for info in pkgutil.iter_modules(inside, f"{name}."))
        names += [each for each in found if imports.knows(each)]
    return names


def _version(package: str) -> str:
    """A package's version, without importing it where it is not imported yet."""
    if package in sys.modules:
        return str(sys.modules[package].__version__)
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no module named {package!r}")
    file = os.path.join(os.path.dirname(spec.origin), "version.py")
    return str(_load(file, f"version of {package}").version)


def _rehearse(parts: Parts) -> None:
    """Does the harness's own small jobs here, in the template, again and again.

    Python specialises code and fills caches where it runs; children inherit that, instead of each
    doing the same and copying the pages that it writes to.
    """
    for header, body in getattr(parts.harness, "REHEARSALS", ()):
        for _ in range(_TIMES):
            ours, theirs = socket.socketpair()
            with ours, theirs:
                ours.sendall(parts.wire.pack(header, body))
                parts.harness.run(parts.wire.Channel(theirs.fileno()))


def _settle(parts: Parts) -> None:
    """Makes forks cheap, and what is imported ready for them.

    Children must not copy pages because a collection touches every object, and memory in huge
    pages has few page-table entries to copy and to tear down.
    """
    if hasattr(parts.harness, "prepare"):
        parts.harness.prepare()
    gc.collect()
    gc.freeze()
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    try:
        with open("/proc/self/maps") as maps:
            lines = [line.split() for line in maps]
    except OSError:
        return
    for span, mode, _, _, inode, *name in lines:
        if mode.startswith("rw") and inode == "0" and name in ([], ["[heap]"]):
            low, high = (int(edge, 16) for edge in span.split("-"))
            for at in range(-(-low // _HUGE) * _HUGE, high // _HUGE * _HUGE, _HUGE):
                madvise(at, _HUGE, _MADV_COLLAPSE)  # refused where it makes no sense: no matter


def _serve(control: socket.socket, parts: Parts) -> None:
    while True:
        message, fds, _, _ = socket.recv_fds(control, REQUEST.size, 1)
        if not message:
            return
        kind, cpu, memory = REQUEST.unpack(message)
        if kind == b"K":
            continue  # meant for a child that has just ended
        if kind == b"I":
            wanted = json.loads(control.recv(memory, socket.MSG_WAITALL))
            _import_all(wanted, parts.imports)
            _settle(parts)
            continue
        job = fds[0]
        pid = _fork()
        if pid < 0:
            return  # too many processes or too little memory: the parent starts another template
        if pid == 0:
            _child(job, parts, cpu, memory)
        os.close(job)
        control.sendall(REPORT.pack(b"P", pid, 0.0, 0.0, 0))
        if not _supervise(control, pid):
            return


def main() -> None:
    """Argument 1: control descriptor; 2: harness file; 3: comma-separated `landlock`, `seccomp`.

    With `whole` among the last everything that programs may import is imported.
    """
    sys.dont_write_bytecode = True
    control = socket.socket(fileno=int(sys.argv[1]))
    # What the parent ignores or blocks is inherited; a Ray worker ignores SIGCHLD, which would have
    # the kernel reap children before they can be waited for.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        here = os.path.dirname(os.path.abspath(__file__))
        lockdown = _load(os.path.join(here, "lockdown.py"), "lockdown")
        wire = _load(os.path.join(here, "wire.py"), "wire")
        wanted = sys.argv[3].split(",")
        lock = lockdown.Lockdown("landlock" in wanted, "seccomp" in wanted)
        imports = Imports()  # from here on: the lock has a package of its own
        sys.meta_path.insert(0, imports)
        for name in _PRELOAD:
            importlib.import_module(name)
        harness = _load(sys.argv[2], "harness")
        if "whole" in wanted:
            _import_all(everything(imports), imports)
        versions = {name: _version(name) for name in ("numpy", "scipy")}
        parts = Parts(lockdown, wire, harness, lock, imports, "whole" in wanted)
        time.localtime()  # reads the zone file now: a child may not
        _rehearse(parts)
        _settle(parts)
        ready = {"protection": lock.protection, "versions": versions}
    except Exception:
        ready = {"error": traceback.format_exc(limit=3)}
    text = json.dumps(ready).encode()
    control.sendall(struct.pack("!I", len(text)) + text)
    if "error" not in ready:
        _serve(control, parts)


if __name__ == "__main__":
    main()
