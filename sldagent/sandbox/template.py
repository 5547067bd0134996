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
"""

import contextlib
import ctypes
import gc
import importlib
import importlib.util
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
import time
import traceback
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
# Others are loaded when a program names them, since every page and every mapped library makes
# every fork slower (scipy's double the time of one) and children can open no file: modules of these
# packages but for those that do something when they are imported, and of the standard library these
# only, as an import runs here, outside the sandbox.
_LIBRARIES = ("numpy", "scipy")
_NOT_THESE = frozenset("__main__ test tests conftest setup distutils f2py".split())
_STANDARD = frozenset(
    """
    abc array ast base64 binascii bisect calendar cmath codecs collections colorsys concurrent
    contextlib contextvars copy csv dataclasses datetime decimal difflib email enum fnmatch
    fractions functools gc glob graphlib gzip hashlib heapq hmac importlib inspect io itertools json
    keyword linecache locale logging math multiprocessing numbers operator os pathlib pickle
    platform pprint queue random re reprlib secrets select shutil signal socket statistics string
    struct subprocess sys tempfile textwrap threading time timeit traceback types typing unicodedata
    unittest uuid warnings weakref zlib
    """.split()
)
# Loaded when a program names any part of scipy; the last are what it imports only when a function
# is called: methods of `minimize`, by version, and `shgo`.
_SCIPY = """
scipy scipy.linalg scipy.optimize scipy.special scipy._lib.pyprima scipy._lib.cobyqa
multiprocessing multiprocessing.pool
""".split()
_BEHIND = {"shgo": "scipy.stats.qmc"}
_PARSING = "_strptime"  # what `time` and `datetime` import when they read a date
# What `from numpy import *` imports.
_NUMPY = """
core ctypeslib dtypes exceptions f2py fft lib linalg ma matlib polynomial random rec char strings
testing typing
""".split()


def _load(path: str, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Parts(NamedTuple):
    """The modules that the template loaded by path, and the lock that it built."""

    lockdown: ModuleType
    wire: ModuleType
    harness: ModuleType
    lock: Any


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


def _import_if_known(name: str) -> None:
    """Imports a library module; a name that is none (a function, a typing error) does nothing."""
    parts = name.split(".")
    if _NOT_THESE & set(parts) or not (parts[0] in _LIBRARIES or parts[0] in _STANDARD):
        return
    with contextlib.suppress(Exception, SystemExit):
        importlib.import_module(name)


def _import_all(wanted: list[str]) -> None:
    """Imports what programs name, and what this imports only when a function is called."""
    if any(name.partition(".")[0] == "scipy" for name in wanted):
        wanted = [*_SCIPY, *wanted]
    if "numpy.*" in wanted:
        for part in _NUMPY:
            with contextlib.suppress(Exception):
                importlib.import_module(f"numpy.{part}")
    for name in wanted:
        _import_if_known(_BEHIND.get(name.rpartition(".")[2], name))
    if {"time", "datetime"} & {name.partition(".")[0] for name in wanted}:
        importlib.import_module(_PARSING)
    if "scipy.stats.qmc" in sys.modules:
        # The first points read a file of numbers, which in a child would silently give zeros.
        with contextlib.suppress(Exception):
            sys.modules["scipy.stats.qmc"].Sobol(2, scramble=False).random(1)


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
            _import_all(wanted)
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
    """Argument 1: control descriptor; 2: harness file; 3: comma-separated `landlock`, `seccomp`."""
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
        # numpy.f2py, which scipy drags in, would load this package if it happens to be installed:
        # not numpy's or scipy's, and fifty mapped segments that every fork would copy.
        sys.modules["charset_normalizer"] = None  # type: ignore[assignment]
        for name in _PRELOAD:
            importlib.import_module(name)
        harness = _load(sys.argv[2], "harness")
        wanted = sys.argv[3].split(",")
        lock = lockdown.Lockdown("landlock" in wanted, "seccomp" in wanted)
        versions = {name: _version(name) for name in ("numpy", "scipy")}
        parts = Parts(lockdown, wire, harness, lock)
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
