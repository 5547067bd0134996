"""The template sandbox: the contract under every protection, and the template's own life."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from contracts import attacks
from contracts.sandbox_contract import HARNESS, LIMITS, SandboxContract, got, processes_of

from sldagent.errors import SandboxError
from sldagent.sandbox.process import TemplateSandbox
from sldagent.sandbox.protocol import End, Job, Protection, SandboxOptions
from sldagent.sandbox.wire import FrameReader, pack

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the protections are Linux's")


class TestFullProtection(SandboxContract):
    @pytest.fixture(scope="class")
    @classmethod
    def build(cls) -> Callable[[], TemplateSandbox]:
        return lambda: TemplateSandbox(HARNESS)

    def test_says_what_protects(self, sandbox: TemplateSandbox) -> None:
        if sandbox.protection is Protection.SECCOMP:
            pytest.skip("this kernel has no Landlock")
        assert sandbox.protection is Protection.FULL
        assert sandbox.protection.holds_strangers
        assert set(sandbox.versions) == {"python", "numpy", "scipy"}

    def test_imports_what_programs_use(self, sandbox: TemplateSandbox) -> None:
        code = """
import colorsys, fractions
import scipy.stats, numpy.polynomial
send({'got': [float(scipy.stats.norm.cdf(0)), colorsys.__name__]})
"""
        job = Job(
            {"code": code, "give": {}}, modules=("scipy.stats", "colorsys", "fractions", "os")
        )
        assert got(sandbox.run(job, LIMITS)) == [[0.5, "colorsys"]]


class TestWithoutLandlock(SandboxContract):
    @pytest.fixture(scope="class")
    @classmethod
    def build(cls) -> Callable[[], TemplateSandbox]:
        return lambda: TemplateSandbox(HARNESS, SandboxOptions(landlock=False))

    def test_says_what_protects(self, sandbox: TemplateSandbox) -> None:
        assert sandbox.protection is Protection.SECCOMP

    def test_imports_what_programs_use(self, sandbox: TemplateSandbox) -> None:
        code = "import scipy.stats, numpy.polynomial, statistics; send({'got': 1})"
        job = Job({"code": code, "give": {}}, modules=("scipy.stats", "statistics", "os"))
        assert got(sandbox.run(job, LIMITS)) == [1]


class TestControls:
    def test_the_endless_do_not_end_by_themselves(self) -> None:
        running = {
            name: subprocess.Popen(
                [sys.executable, str(HARNESS), code],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for name, code in attacks.ENDLESS.items()
            if name != "catching MemoryError"  # would take all of this machine's
        }
        try:
            time.sleep(3)
            assert {
                name for name, process in running.items() if process.poll() is not None
            } == set()
        finally:
            for process in running.values():
                process.kill()
                process.wait()


class TestTemplate:
    @pytest.fixture
    def sandbox(self) -> Iterator[TemplateSandbox]:
        with TemplateSandbox(HARNESS) as made:
            yield made

    @staticmethod
    def job(code: str) -> Job:
        return Job({"code": code, "give": {}})

    def test_a_killed_template_is_replaced_and_its_job_run_again(
        self, sandbox: TemplateSandbox
    ) -> None:
        assert sandbox.protection.holds_strangers  # waits until it is ready
        assert sandbox._process is not None
        first = sandbox._process.pid
        threading.Timer(0.5, os.kill, (first, signal.SIGKILL)).start()
        outcome = sandbox.run(
            self.job("send({'got': os.getppid()}); select.select([], [], [], 1)"), LIMITS
        )
        assert outcome.end is End.FINISHED
        assert got(outcome) == [sandbox._process.pid] != [first]
        assert processes_of(first) == []

    def test_a_template_that_keeps_dying_is_a_broken_sandbox(
        self, sandbox: TemplateSandbox
    ) -> None:
        stop = threading.Event()

        def hunt() -> None:
            while not stop.wait(0.05):
                process, ready = sandbox._process, sandbox._hello is not None
                # Not at its start, when it may ask a helper of the system where libraries are.
                if ready and process is not None and processes_of(process.pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(process.pid, signal.SIGKILL)

        hunter = threading.Thread(target=hunt)
        assert sandbox.protection
        hunter.start()
        try:
            with pytest.raises(SandboxError, match="died twice"):
                sandbox.run(self.job("select.select([], [], [], 5)"), LIMITS)
        finally:
            stop.set()
            hunter.join()

    def test_a_killed_child_costs_its_job_only(self, sandbox: TemplateSandbox) -> None:
        assert sandbox.protection
        assert sandbox._process is not None
        template = sandbox._process.pid

        def kill() -> None:
            while not (children := processes_of(template)):
                time.sleep(0.02)
            time.sleep(0.3)
            os.kill(children[0], signal.SIGKILL)

        threading.Thread(target=kill).start()
        outcome = sandbox.run(self.job("select.select([], [], [], 10)"), LIMITS)
        assert outcome.end is End.MEMORY
        assert got(sandbox.run(self.job("send({'got': 1})"), LIMITS)) == [1]

    def test_two_side_by_side(self, sandbox: TemplateSandbox) -> None:
        with TemplateSandbox(HARNESS) as other:
            results: dict[str, object] = {}

            def work(name: str, where: TemplateSandbox) -> None:
                code = f"select.select([], [], [], 0.3); send({{'got': '{name}'}})"
                results[name] = got(where.run(self.job(code), LIMITS))

            threads = [
                threading.Thread(target=work, args=pair) for pair in (("a", sandbox), ("b", other))
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert results == {"a": ["a"], "b": ["b"]}
        assert got(sandbox.run(self.job("send({'got': 1})"), LIMITS)) == [1]

    def test_close_leaves_no_process_and_may_be_repeated(self) -> None:
        sandbox = TemplateSandbox(HARNESS)
        assert sandbox._process is not None
        template = sandbox._process.pid
        assert got(sandbox.run(self.job("send({'got': 1})"), LIMITS)) == [1]
        sandbox.close()
        sandbox.close()
        assert not Path(f"/proc/{template}").exists()

    def test_nothing_outlives_a_killed_driver(self) -> None:
        script = f"""
import sys, threading, time
from pathlib import Path
from sldagent.sandbox.process import TemplateSandbox
from sldagent.sandbox.protocol import Job, Limits
sandbox = TemplateSandbox(Path({str(HARNESS)!r}))
sandbox.protection
print(sandbox._process.pid, flush=True)
sandbox.run(Job({{"code": "while True: select.select([], [], [], 1)", "give": {{}}}}), Limits())
"""
        driver = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        assert driver.stdout is not None
        template = int(driver.stdout.readline())
        end = time.monotonic() + 10
        while not processes_of(template) and time.monotonic() < end:
            time.sleep(0.02)
        (child,) = processes_of(template)
        driver.kill()
        driver.communicate()
        end = time.monotonic() + 5
        while _alive(template) + _alive(child) and time.monotonic() < end:
            time.sleep(0.05)
        assert not _alive(template)
        assert not _alive(child)

    def test_a_harness_that_does_not_load_is_a_broken_sandbox(self, tmp_path: Path) -> None:
        (tmp_path / "bad.py").write_text("raise ValueError('no harness')")
        with (
            TemplateSandbox(tmp_path / "bad.py") as sandbox,
            pytest.raises(SandboxError, match="no harness"),
        ):
            sandbox.run(self.job(""), LIMITS)

    def test_without_any_protection_strangers_are_not_held(self) -> None:
        options = SandboxOptions(landlock=False, seccomp=False)
        with TemplateSandbox(HARNESS, options) as sandbox:
            assert sandbox.protection is Protection.LIMITS
            assert not sandbox.protection.holds_strangers
            # What the contract's attacks are refused works here: it is the lock that refuses.
            code = "send({'got': len(open('/proc/self/maps').read()) > 0})"
            assert got(sandbox.run(self.job(code), LIMITS)) == [True]


class TestFrameReader:
    @pytest.mark.parametrize("size", [1, 7, 4096])
    def test_takes_frames_in_pieces(self, size: int) -> None:
        frames = [({"a": 1}, b"body" * 20), ({}, b""), ({"ü": [None]}, b"x")]
        data = b"".join(pack(*frame) for frame in frames)
        reader = FrameReader(len(data))
        for i in range(0, len(data), size):
            reader.feed(data[i : i + size])
        assert reader.frames == frames

    def test_garbage_does_not_take_earlier_frames_with_it(self) -> None:
        reader = FrameReader(1000)
        with pytest.raises(ValueError, match="no frame"):
            reader.feed(pack({"locked": True}) + b"\xff" * 100)
        assert reader.frames == [({"locked": True}, b"")]

    def test_counts_what_comes(self) -> None:
        reader = FrameReader(100)
        reader.feed(bytes(0))
        assert reader.frames == []
        with pytest.raises(ValueError, match="more than"):
            reader.feed(pack({"a": "x" * 100}))


def _alive(pid: int) -> bool:
    """Whether a process runs; one that ended and waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
