"""What every sandbox promises: hostile code reaches nothing, ends, and leaves nothing behind."""

import ast
import contextlib
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts import attacks

import sldagent
from sldagent.sandbox.process import TemplateSandbox
from sldagent.sandbox.protocol import End, Job, Limits, Outcome

REPOSITORY = Path(__file__).resolve().parent.parent.parent
HARNESS = REPOSITORY / "tests" / "sandbox" / "attack_harness.py"
KEY = "sk-not-to-be-seen"
LIMITS = Limits(cpu_seconds=5, total_cpu_seconds=10, wall_seconds=20, memory_bytes=1 << 30)
SHORT = Limits(
    cpu_seconds=0.4,
    total_cpu_seconds=1,
    wall_seconds=1,
    total_wall_seconds=2,
    memory_bytes=1 << 29,
    reply_bytes=1 << 20,
)
_SMALL_MEMORY = 1 << 29

_INNOCENT = """
a = np.random.default_rng(7).random((30, 4))
send({'value': np.linalg.lstsq(a, a[:, 0] ** 2, rcond=None)[0].tolist()})
"""
_VICTIM = """
import ctypes, sys, time
buffer = ctypes.create_string_buffer(b"secret")
ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(2**64 - 1), 0, 0, 0)  # anybody may trace me
print(ctypes.addressof(buffer), flush=True)
time.sleep(600)
"""
# What an ordinary user's kernel may refuse without any sandbox.
_MAY_BE_REFUSED_ANYWAY = {
    "victim's memory", "process_vm_readv", "process_vm_writev", "ptrace", "pidfd of a descriptor",
    "setxattr", "nameless file", "netlink", "victim's descriptor",
}  # fmt: skip


class World:
    """What attacks aim at: a victim process, listeners, files; `control` runs without a sandbox."""

    def __init__(self) -> None:
        self._held = contextlib.ExitStack()
        base = Path(self._held.enter_context(tempfile.TemporaryDirectory(prefix="sld")))
        self._victim = subprocess.Popen(
            [sys.executable, "-c", _VICTIM], stdout=subprocess.PIPE, text=True
        )
        assert self._victim.stdout is not None
        address = int(self._victim.stdout.readline())
        self.listeners = [socket.create_server(("127.0.0.1", 0))]
        self.listeners.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self.listeners[1].bind(("127.0.0.1", 0))
        for name in (str(base / "unix"), f"\0{base.name}"):
            server = socket.socket(socket.AF_UNIX)
            server.bind(name)
            server.listen()
            self.listeners.append(server)
        for listener in self.listeners:
            listener.setblocking(False)
        self.canary, scratch = base / "canary", base / "scratch"
        outside = {
            "driver": os.getpid(),
            "victim": self._victim.pid,
            "address": address,
            "tcp": self.listeners[0].getsockname()[1],
            "udp": self.listeners[1].getsockname()[1],
            "unix": str(base / "unix"),
            "abstract": f"\0{base.name}",
            "source": str(Path(sldagent.__file__).with_name("task.py")),
            "table": str(next((REPOSITORY / "tasks").glob("*/task.toml"))),
            "package": str(Path(pytest.__file__)),
            **_numbers("process_vm_readv", "process_vm_writev", "ptrace", "pidfd_open",
                       "pidfd_getfd", "clone", "tgkill"),
        }  # fmt: skip
        self.give, self._scratch = outside | _targets(self.canary), outside | _targets(scratch)
        self.give["library"] = _empty_library()
        self.before = self.outside()
        self._control = subprocess.Popen(
            [sys.executable, str(HARNESS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env={**os.environ, "OPENAI_API_KEY": KEY}, cwd="/",
        )  # fmt: skip
        self._known: dict[str, list[dict[str, Any]]] = {}

    def control(self, code: str, **give: Any) -> list[dict[str, Any]]:
        """What the code sends where nothing holds it; run once, on files of its own."""
        key = json.dumps([code, give])
        if key not in self._known:
            assert self._control.stdin is not None
            assert self._control.stdout is not None
            line = json.dumps({"code": code, "give": {**self._scratch, **give}})
            self._control.stdin.write(line + "\n")
            self._control.stdin.flush()
            self._known[key] = json.loads(self._control.stdout.readline())
        return self._known[key]

    def outside(self) -> dict[str, Any]:
        """The state of everything that no sandboxed code may change."""
        state: dict[str, Any] = {}
        for path in sorted(self.canary.rglob("*")):
            stat = path.lstat()
            content = path.read_bytes() if path.is_file() else b""
            state[path.name] = (stat.st_mode, stat.st_nlink, stat.st_mtime_ns, content)
        for name in ("temporary", "shared", "library"):
            state[name] = os.path.exists(self.give[name]) and os.stat(self.give[name]).st_mtime_ns
        state["victim"] = self._victim.poll()
        return state

    def knocks(self) -> int:
        """How many messages or connections came to the listeners since the last call."""
        count = 0
        for listener in self.listeners:
            with contextlib.suppress(BlockingIOError):
                while True:
                    if listener.type == socket.SOCK_DGRAM:
                        listener.recv(10)
                    else:
                        listener.accept()[0].close()
                    count += 1
        return count

    def close(self) -> None:
        for process in (self._control, self._victim):
            process.kill()
            process.communicate()
        for listener in self.listeners:
            listener.close()
        for give in (self.give, self._scratch):
            for name in ("temporary", "shared"):
                Path(give[name]).unlink(missing_ok=True)
        self._held.close()


def _targets(folder: Path) -> dict[str, str]:
    folder.mkdir()
    for name in ("file", "gone", "moves"):
        (folder / name).write_text(name)
    (folder / "long").write_text("long" * 100)
    (folder / "library").write_text("")
    unique = f"{folder.parent.name}-{folder.name}"
    return {
        "folder": str(folder),
        "library": str(folder / "library"),
        "temporary": f"/tmp/{unique}",
        "shared": f"/dev/shm/{unique}",
    }


def _empty_library() -> str:
    """An empty file that sandboxed code may read: truncating it would do no harm."""
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*/__init__.py")):
        if path.stat().st_size == 0:
            return str(path)
    raise AssertionError("the standard library has no empty file")


def _numbers(*names: str) -> dict[str, int]:
    """This machine's numbers of system calls."""
    import pyseccomp

    numbers = {n: pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, n) for n in names}
    return {name: number for name, number in numbers.items() if number >= 0}


def processes_of(template: int) -> list[int]:
    """The processes of a sandbox beside its template: its session, and its children."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            state, parent, session = fields[0], int(fields[1]), int(fields[3])
            if int(entry.name) != template and template in (parent, session) and state != "Z":
                found.append(int(entry.name))
    return found


def got(outcome: Outcome) -> list[Any]:
    """What an attack won."""
    return [head["got"] for head, _ in outcome.frames if "got" in head]


def refusals(outcome: Outcome) -> list[str]:
    return [head["refused"] for head, _ in outcome.frames if "refused" in head]


class SandboxContract:
    """Subclasses give a class-scoped fixture `build`, which makes a sandbox with `HARNESS`.

    A session-scoped fixture `world` gives a World.
    """

    @pytest.fixture(scope="class")
    @classmethod
    def build(cls) -> Callable[[], TemplateSandbox]:
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def sandbox(cls, build: Callable[[], TemplateSandbox]) -> Iterator[TemplateSandbox]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("OPENAI_API_KEY", KEY)
            made = build()
            with made:
                yield made

    @pytest.fixture(scope="class")
    @classmethod
    def innocent(cls, sandbox: TemplateSandbox) -> list[float]:
        return _innocent(sandbox)

    @pytest.fixture
    def attack(
        self, sandbox: TemplateSandbox, world: World, innocent: list[float],
        capfd: pytest.CaptureFixture[str],
    ) -> Iterator[Callable[..., Outcome]]:  # fmt: skip
        """Runs code in the sandbox; afterwards nothing may have changed."""

        def run(code: str, limits: Limits = LIMITS, body: bytes = b"", **give: Any) -> Outcome:
            return sandbox.run(Job({"code": code, "give": {**world.give, **give}}, body), limits)

        world.knocks()
        assert sandbox._process is not None
        template = sandbox._process.pid
        yield run
        assert _innocent(sandbox) == innocent
        assert sandbox._process.pid == template, "the template had to be replaced"
        assert processes_of(template) == []
        assert world.outside() == world.before
        assert world.knocks() == 0
        assert capfd.readouterr() == ("", "")

    # -- reaching out ----------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "name",
        attacks.REFUSED,
    )
    def test_refuses(self, name: str, attack: Callable[..., Outcome], world: World) -> None:
        code = attacks.REFUSED[name]
        control = world.control(code)
        world.knocks()
        if not any("got" in answer for answer in control):
            if name in _MAY_BE_REFUSED_ANYWAY:
                pytest.skip(f"refused on this machine without a sandbox too: {control}")
            pytest.fail(f"would not succeed without the sandbox: {control}")
        outcome = attack(code)
        assert got(outcome) == []
        assert refusals(outcome) == [attacks.SPOKEN_OTHERWISE.get(name, "PermissionError")]
        assert outcome.end is End.FINISHED

    def test_every_control_that_talks_is_heard(self, world: World) -> None:
        for name, heard in (("tcp", 1), ("udp", 1), ("unix socket", 1), ("abstract socket", 1)):
            world.knocks()
            world.control(f"{attacks.REFUSED[name]}\n# once more for {type(self)}")
            assert world.knocks() == heard, name

    @pytest.mark.skipif(platform.system() != "Linux", reason="system calls of Linux")
    def test_refuses_raw_system_calls(self, attack: Callable[..., Outcome], world: World) -> None:
        code = """
for name, number, arguments in give['calls']:
    try: result = syscall(number, *arguments)
    except OSError as error: result = -error.errno
    send({'name': name, 'result': result})
"""
        numbers = _numbers(*attacks.SYSTEM_CALLS)
        calls = [[name, number, attacks.SYSTEM_CALLS[name]] for name, number in numbers.items()]
        without = {a["name"]: a["result"] for a in world.control(code, calls=calls)}
        within = {head["name"]: head["result"] for head, _ in attack(code, calls=calls).frames}
        # EPERM, or ENOSYS where the C library shall fall back to an older call
        assert [name for name in numbers if within[name] not in (-1, -38)] == []
        through = [name for name in numbers if without[name] != within[name]]
        assert len(through) > 30, f"without a sandbox only these get through: {through}"

    def test_the_key_is_nowhere(self, attack: Callable[..., Outcome], world: World) -> None:
        code = "send({'got': [v for v in os.environ.values() if v == give['key']]})"
        assert world.control(code, key=KEY) == [{"got": [KEY]}]
        assert got(attack(code, key=KEY)) == [[]]
        environ = """
libc.getenv.restype = ctypes.c_char_p
send({'got': (libc.getenv(b'OPENAI_API_KEY') or b'').decode()})
"""
        assert world.control(environ) == [{"got": KEY}]
        assert got(attack(environ)) == [""]

    def test_opens_nothing_at_all(self, sandbox: TemplateSandbox) -> None:
        """Not even libraries: reading sets a file's access time, which another child could see."""
        for code in (
            "open(os.devnull)",
            "open(np.__file__)",
            "os.listdir(os.path.dirname(np.__file__))",
        ):
            outcome = sandbox.run(Job({"code": code, "give": {}}), LIMITS)
            assert outcome.frames[0][0]["refused"] == "PermissionError"

    def test_descriptors_lead_nowhere(self, attack: Callable[..., Outcome], world: World) -> None:
        code = """
found = []
for fd in range(300):
    if fd == 3: continue
    try: name = os.fstat(fd).st_rdev
    except OSError: continue
    for act in (lambda: os.write(fd, b'HERE'), lambda: os.read(fd, 1) if fd != 0 else b''):
        try: act()
        except OSError: pass
    found.append(name)
send({'got': found})
"""
        (opened,) = got(attack(code))
        assert set(opened) == {os.stat("/dev/null").st_rdev}
        without = subprocess.run(
            [sys.executable, str(HARNESS), code.replace("send(", "print(")],
            capture_output=True, check=True,
        )  # fmt: skip
        assert b"HERE" in without.stdout
        assert b"HERE" in without.stderr

    def test_output_goes_nowhere(self, attack: Callable[..., Outcome], tmp_path: Path) -> None:
        code = """
block = bytes(1 << 20)
for _ in range(512):
    os.write(1, block); os.write(2, block)
print('HERE'); sys.stdout.flush(); sys.__stderr__.write('HERE')
"""
        assert attack(code).end is End.FINISHED
        with (tmp_path / "out").open("wb") as out:
            short = code.replace("512", "1")
            subprocess.run(
                [sys.executable, str(HARNESS), short], stdout=out, stderr=out, check=True
            )
        assert (tmp_path / "out").stat().st_size > 2 << 20

    def test_nothing_of_an_earlier_job_is_left(
        self, attack: Callable[..., Outcome], sandbox: TemplateSandbox
    ) -> None:
        marker = np.random.default_rng(3).bytes(32)
        # What the code itself holds must not look like the marker.
        search = (
            f"""
half = [bytes(255 - b for b in part) for part in (
    {bytes(255 - b for b in marker[:16])!r}, {bytes(255 - b for b in marker[16:])!r})]
"""
            + """
hits = []
frame = sys._getframe()
while frame:
    hits += [k for k, v in frame.f_locals.items() if isinstance(v, bytes) and v.find(half[0]) >= 0]
    frame = frame.f_back
for thing in gc.get_objects():
    for part in gc.get_referents(thing):
        if isinstance(part, bytes) and len(part) > 31 and part[:16] == half[0]: hits.append('gc')
page = 4096
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
# MADV_POPULATE_READ is refused where a read would crash; before Linux 5.14 MADV_NORMAL has to do.
advice = 22 if libc.madvise(id(hits) // page * page, page, 22) == 0 else 0
seen = set()
for start in (id(hits), id(sys), np.ones(99).ctypes.data, id(b'x' * 5000)):
    for step in (-page, page):
        at = start // page * page
        while libc.madvise(at, page, advice) == 0 and len(seen) < 40000:
            if at not in seen:
                seen.add(at)
                text = ctypes.string_at(at, page)
                place = text.find(half[0])
                while place >= 0:
                    if text[place + 16:place + 32] == half[1]: hits.append('memory')
                    place = text.find(half[0], place + 1)
            at += step
send({'got': sorted(set(hits))})
"""
        )
        assert set(got(attack(search, body=marker * 4000))[0]) >= {"body", "memory"}
        for _ in range(2):
            assert got(attack(search)) == [[]]

    # -- ending ----------------------------------------------------------------------------------

    @pytest.mark.parametrize("name", attacks.ENDLESS)
    def test_ends_what_does_not_end(
        self, name: str, attack: Callable[..., Outcome], sandbox: TemplateSandbox,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        monkeypatch.setattr("sldagent.sandbox.process._LEAVE_SECONDS", 1.0)
        outcome: list[Outcome] = []
        runner = threading.Thread(
            target=lambda: outcome.append(attack(attacks.ENDLESS[name], SHORT)), daemon=True
        )
        runner.start()
        runner.join(15)
        if not outcome:
            assert sandbox._process is not None
            for pid in processes_of(sandbox._process.pid):
                os.kill(pid, signal.SIGKILL)  # or all that follows would wait too
            runner.join(15)
            pytest.fail("still running after 15 s")
        assert outcome[0].end in (End.TIMEOUT, End.EXIT)
        assert outcome[0].reason
        assert outcome[0].cpu_seconds < 5

    @pytest.mark.parametrize("name", attacks.MEMORY)
    def test_limits_memory(self, name: str, attack: Callable[..., Outcome], world: World) -> None:
        code = attacks.MEMORY[name]
        assert any("got" in sent for sent in world.control(code, bytes=_SMALL_MEMORY + (1 << 26)))
        for size in (_SMALL_MEMORY, 50 << 30):
            outcome = attack(code, replace(LIMITS, memory_bytes=_SMALL_MEMORY), bytes=size)
            assert got(outcome) == []
            assert outcome.end is End.MEMORY or refusals(outcome)[0] in ("MemoryError", "OSError")

    @pytest.mark.parametrize("name", attacks.CRASHES)
    def test_a_crash_is_an_outcome(self, name: str, attack: Callable[..., Outcome]) -> None:
        code, ends = attacks.CRASHES[name]
        outcome = attack(code, SHORT)
        assert outcome.end in ends
        assert outcome.reason or outcome.end is End.FINISHED
        assert got(outcome) == []

    @pytest.mark.parametrize("name", attacks.GARBAGE)
    def test_garbage_is_an_outcome(self, name: str, attack: Callable[..., Outcome]) -> None:
        outcome = attack("select.select([], [], [], 0.1)\n" + attacks.GARBAGE[name], SHORT)
        assert outcome.end is End.FLOOD
        assert outcome.reason

    def test_half_a_frame_is_no_frame(self, attack: Callable[..., Outcome]) -> None:
        outcome = attack("os.write(3, bytes([0, 0, 0, 9])); os._exit(0)")
        assert outcome.frames == ()

    def test_a_thread_does_not_outlive_its_job(self, attack: Callable[..., Outcome]) -> None:
        code = """
def loop():
    while True: pass
try: threading.Thread(target=loop).start()
except RuntimeError: pass  # a sandbox may refuse threads
"""
        start = time.monotonic()
        assert attack(code).end is End.FINISHED
        assert time.monotonic() - start < 5

    def test_threads_cannot_exhaust_the_machine(
        self, attack: Callable[..., Outcome], world: World
    ) -> None:
        code = """
libc.clone.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p]
stacks = mmap.mmap(-1, 600 * 8192 + 4096)  # the first page is a semaphore that nobody posts
base = ctypes.addressof(ctypes.c_char.from_buffer(stacks))
wait = ctypes.cast(libc.sem_wait, ctypes.c_void_p)
count = 0
for i in range(600):
    if libc.clone(wait, base + 4096 + (i + 1) * 8192 - 64, 0x50F00, base) < 0: break
    count += 1
send({'threads': count})
"""
        assert world.control(code) == [{"threads": 600}]
        outcome = attack(code)
        assert outcome.frames[0][0]["threads"] < 300

    # -- the sandbox itself ------------------------------------------------------------------------

    def test_frames_arrive_whole(self, attack: Callable[..., Outcome]) -> None:
        code = "send({'a': [1, 'ü']}, bytes(range(256)) * 1000); send({'echo': len(body)})"
        outcome = attack(code, body=bytes(3_000_000))
        assert outcome.frames == (
            ({"a": [1, "ü"]}, bytes(range(256)) * 1000),
            ({"echo": 3_000_000}, b""),
        )
        assert outcome.end is End.FINISHED
        assert outcome.reason == ""
        assert 0 <= outcome.cpu_seconds <= outcome.wall_seconds + 1

    def test_innocents_beside_attacks_keep_their_numbers(
        self, build: Callable[[], TemplateSandbox], attack: Callable[..., Outcome],
        innocent: list[float],
    ) -> None:  # fmt: skip
        done = threading.Event()
        seen: list[list[float]] = []

        def work() -> None:
            with build() as other:
                while not done.is_set():
                    seen.append(_innocent(other))

        neighbour = threading.Thread(target=work)
        neighbour.start()
        try:
            while not seen:
                time.sleep(0.05)
            for code in (
                attacks.ENDLESS["catching MemoryError"],
                attacks.ENDLESS["ignoring SIGXCPU"],
                attacks.CRASHES["segmentation fault"][0],
                "while True:\n    try: os.fork()\n    except OSError: pass",
            ):
                attack(code, SHORT)
        finally:
            done.set()
            neighbour.join()
        assert len(seen) > 3
        assert all(value == innocent for value in seen)

    def test_every_attack_finds_its_modules(self) -> None:
        """An import that fails would look like a refusal."""
        tables = (attacks.REFUSED, attacks.ENDLESS, attacks.MEMORY, attacks.GARBAGE)
        for code in (text for table in tables for text in table.values()):
            nodes = list(ast.walk(ast.parse(code)))
            assert not [n for n in nodes if isinstance(n, ast.Import | ast.ImportFrom)], code


def _innocent(sandbox: TemplateSandbox) -> list[float]:
    outcome = sandbox.run(Job({"code": _INNOCENT, "give": {}}), LIMITS)
    assert outcome.end is End.FINISHED
    value: list[float] = outcome.frames[0][0]["value"]
    return value
