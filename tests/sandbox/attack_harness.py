"""Does what the code in a job's header says; the harness of the sandbox's own tests.

As a script it is the control: it runs the same code in unprotected processes, to show that an
attack would succeed. One JSON object a line on stdin, one list of what was sent a line on stdout;
or, with an argument, that code in this very process.
Whatever an attack imports is imported here, so that the code alone decides what is refused.
"""

import builtins
import contextlib
import ctypes
import fcntl
import gc
import json
import math
import mmap
import multiprocessing.popen_fork
import os
import random
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.random

MODULES = {
    module.__name__: module
    for module in (builtins, contextlib, ctypes, fcntl, gc, json, math, mmap, multiprocessing, os,
                   random, resource, select, signal, socket, subprocess, sys, threading, time)
} | {"np": np}  # fmt: skip

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(name: str, *args: Any) -> int:
    """A function of the C library; raises OSError where it fails."""
    return _checked(getattr(libc, name)(*args))


def syscall(number: int, *args: Any) -> int:
    """A raw system call; raises OSError where it fails."""
    wide = [ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args]
    return _checked(libc.syscall(ctypes.c_long(number), *wide))


def _checked(result: int) -> int:
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def attempt(code: str, give: dict[str, Any], body: bytes, send: Callable[..., None]) -> None:
    scope = {**MODULES, "call": call, "syscall": syscall, "libc": libc}
    try:
        exec(compile(code, "<attack>", "exec"), {**scope, "give": give, "send": send, "body": body})
    except Exception as error:
        send({"refused": type(error).__name__, "text": str(error)[:200]})


def run(channel: Any) -> None:
    header, body = channel.receive()
    attempt(header["code"], header["give"], body, channel.send)


def _unprotected(code: str, give: dict[str, Any]) -> list[dict[str, Any]]:
    """Runs the code in a fork and collects what it sends; a fork that hangs is killed."""
    sys.stdout.flush()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.setsid()
            os.dup2(writer, 3)  # where a sandboxed child has its channel
            for fd in (0, 1):
                os.dup2(os.open(os.devnull, os.O_RDWR), fd)
            attempt(code, give, b"", lambda h: os.write(3, json.dumps(h).encode() + b"\n"))
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writer)
    text, end = b"", time.monotonic() + 20
    while select.select([reader], [], [], max(0.0, end - time.monotonic()))[0]:
        part = os.read(reader, 1 << 16)
        if not part:
            break
        text += part
    os.close(reader)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    sent = []
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            sent.append(json.loads(line))
    return sent


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # children are waited for, whatever is inherited
    if len(sys.argv) > 1:
        os.dup2(os.open(os.devnull, os.O_RDWR), 3)
        attempt(sys.argv[1], {}, b"", lambda _: None)
        return
    for line in sys.stdin:
        job = json.loads(line)
        print(json.dumps(_unprotected(job["code"], job["give"])), flush=True)


if __name__ == "__main__":
    main()
