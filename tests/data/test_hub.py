"""The hub, played by a server on this machine that speaks its protocol."""

import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from contracts.command import sldagent

from sldagent.data import hub, sources
from sldagent.data.sources import at_hand, fetch_both, find_table, load_train
from sldagent.data.test_rows import load_test
from sldagent.errors import DataError, PrerequisiteError
from sldagent.task import HubSource, Task

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SOURCE = HubSource("someone/toys", "toy_scaling_law", COMMIT, train_rows=6, test_rows=2)
TRAIN = "toy_scaling_law/train-00000-of-00001.parquet"
TEST = "toy_scaling_law/test-00000-of-00001.parquet"
BRANCH = replace(SOURCE, revision="main")


def parquet(path: Path, rows: int, first: float = 1e6) -> bytes:
    """Made-up rows, with a column more than the task names."""
    pq.write_table(
        pa.table(
            {
                "group": ["g"] * rows,
                "size": [first * 2**i for i in range(rows)],
                "share": [0.5 + 0.1 * (i % 2) for i in range(rows)],
                "bias": [float(i % 3) for i in range(rows)],
                "loss": [3 - 0.1 * i for i in range(rows)],
                "extra": ["e"] * rows,
            }
        ),
        path,
    )
    return path.read_bytes()


@dataclass
class Hub:
    """What the server has, how it behaves, and what it was asked.

    `stored` files have their contents elsewhere on it, as large ones do; others are in git.
    """

    files: dict[str, bytes]
    commit: str = COMMIT
    stored: bool = True
    mode: str = ""
    asked: list[str] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    url: str = ""
    elsewhere: str = ""
    stop: Callable[[], None] = lambda: None

    def etag(self, content: bytes) -> str:
        if self.stored:
            return hashlib.sha256(content).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    prefix = f"/datasets/{SOURCE.repo}/resolve/"

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def do_GET(self) -> None:
            self.answer(with_body=True)

        def answer(self, with_body: bool) -> None:
            hub.asked.append(f"{self.command} {self.path}")
            hub.tokens.append(self.headers.get("Authorization"))
            if hub.mode == "hang" or (hub.mode == "hang later" and with_body):
                time.sleep(30)
                return
            if hub.mode.isdigit():
                self.reply(int(hub.mode), {})
                return
            if self.path.startswith("/stored/"):
                self.content(hub.files[self.path.removeprefix("/stored/")], {}, with_body)
                return
            file = self.path.removeprefix(prefix).partition("/")[2]
            if not self.path.startswith(prefix) or file not in hub.files:
                error = {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": hub.commit}
                self.reply(404, error)
                return
            content = hub.files[file]
            headers = {} if hub.mode == "portal" else {"X-Repo-Commit": hub.commit}
            if hub.stored:
                headers |= {"X-Linked-Etag": f'"{hub.etag(content)}"'}
                headers |= {"X-Linked-Size": str(len(content))}
                self.reply(302, {**headers, "Location": hub.elsewhere + file})
            else:
                self.content(content, {**headers, "ETag": f'"{hub.etag(content)}"'}, with_body)

        def content(self, content: bytes, headers: dict[str, str], with_body: bool) -> None:
            if with_body and hub.mode == "truncate":
                content = content[:-100]
            if with_body and hub.mode == "exchange":
                content = content.replace(b"sldagent", b"SLDAGENT").replace(b"loss", b"lose")
            self.reply(200, headers, content, with_body)

        def reply(
            self, code: int, headers: dict[str, str], body: bytes = b"", with_body: bool = False
        ) -> None:
            self.send_response(code)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if with_body:
                self.wfile.write(body[:100] if hub.mode == "break off" else body)
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.fixture(params=[True, False], ids=["stored", "git"])
def both_kinds(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with the tables of SOURCE, an empty cache, and the environment that leads to them."""
    made = tmp_path / "made.parquet"
    played = Hub({TRAIN: parquet(made, 6), TEST: parquet(made, 2, 1e9)})
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler(played))
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()

    def stop() -> None:
        if thread.is_alive():
            http.shutdown()
            thread.join()
            http.server_close()

    played.url, played.stop = f"http://127.0.0.1:{http.server_port}", stop
    # By another name, as the client follows a redirect on the same host before it looks at it.
    played.elsewhere = f"http://localhost:{http.server_port}/stored/"
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_ENDPOINT", played.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost,hub.invalid")
    yield played
    stop()


@pytest.fixture
def task(toy: Task) -> Task:
    return replace(toy, hub=SOURCE)


def fails(kind: type[Exception], act: Callable[[], object]) -> str:
    """The one line of an error that comes in time, on a busy machine too."""
    start = time.monotonic()
    with pytest.raises(kind) as caught:
        act()
    assert time.monotonic() - start < 12
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_table_is_downloaded_once_and_then_needs_no_hub(
    both_kinds: bool, server: Hub, task: Task
) -> None:
    server.stored = both_kinds
    assert at_hand([task]) == [None]
    table = load_train(task)
    assert table.x[:, 0].tolist() == [1e6 * 2**i for i in range(6)]
    assert table.origin == f"hub:someone/toys@0123456/{TRAIN}"
    assert all(TRAIN in line for line in server.asked)  # no test table, nothing else
    server.stop()
    again = load_train(task)
    assert (again.sha256, again.origin) == (table.sha256, table.origin)
    (source,) = at_hand([task])
    assert source is not None
    assert source.origin == table.origin


def test_the_token_goes_to_the_hub(
    server: Hub, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_made_up")
    load_train(task)
    assert "Bearer hf_made_up" in server.tokens


def test_the_cache_serves_offline_mode(
    server: Hub, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    line = fails(PrerequisiteError, lambda: load_train(task))
    assert "HF_HUB_OFFLINE" in line
    monkeypatch.delenv("HF_HUB_OFFLINE")
    load_train(task)
    asked = len(server.asked)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    load_train(task)
    assert len(server.asked) == asked


def test_test_rows_come_by_their_own_module(server: Hub, task: Task) -> None:
    test = load_test(task, load_train(task))
    assert len(test) == 2
    assert test.origin.endswith(TEST)


def test_what_the_user_names_never_asks_the_hub(
    server: Hub, task: Task, csv_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_train(task, csv_file).origin == str(csv_file)
    with pytest.raises(PrerequisiteError, match="has no test table"):
        find_table(task, "test", csv_file.parent)
    monkeypatch.setenv("SLDAGENT_DATA", str(csv_file))
    assert load_train(task).origin == str(csv_file)
    assert at_hand([task]) == [sources.Source(csv_file, str(csv_file))]
    monkeypatch.setenv("SLDAGENT_DATA", str(csv_file.parent / "toy"))
    assert at_hand([task]) == [None]
    fails(PrerequisiteError, lambda: load_train(task))
    assert server.asked == []


def test_a_branch_is_what_it_was_when_first_used(server: Hub, task: Task, tmp_path: Path) -> None:
    task = replace(task, hub=BRANCH)
    table = load_train(task)
    assert table.origin == f"hub:someone/toys@main/{TRAIN}"
    server.files[TRAIN] = parquet(tmp_path / "other.parquet", 6, 5e6)
    server.commit = COMMIT[::-1]
    assert load_train(task).sha256 == table.sha256


def ways(line: str) -> bool:
    return all(way in line for way in ("--data PATH", "SLDAGENT_DATA", "sldagent tasks fetch toy"))


def test_a_hub_that_never_answers(server: Hub, task: Task) -> None:
    server.mode = "hang"
    line = fails(PrerequisiteError, lambda: load_train(task))
    assert f"{server.url} cannot be reached" in line
    assert ways(line)


def test_a_hub_that_is_gone(server: Hub, task: Task) -> None:
    server.stop()
    line = fails(PrerequisiteError, lambda: load_train(task))
    assert f"{server.url} cannot be reached (Connection refused)" in line
    assert ways(line)


def test_a_hub_that_takes_no_connection(
    server: Hub, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as full:  # its queue is full: the system drops further knocks
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        knocks = [socket.socket() for _ in range(4)]
        for knock in knocks:
            knock.setblocking(False)
            knock.connect_ex(full.getsockname())
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{full.getsockname()[1]}")
        line = fails(PrerequisiteError, lambda: load_train(task))
        for knock in knocks:
            knock.close()
    assert ways(line)


def test_a_system_that_never_finds_the_name(
    server: Hub, task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import socket, time\nsocket.getaddrinfo = lambda *_, **__: time.sleep(60)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    line = fails(PrerequisiteError, lambda: load_train(task))
    assert "http://hub.invalid does not answer" in line
    assert ways(line)


@pytest.mark.parametrize(
    ("mode", "kind", "words"),
    [
        ("401", PrerequisiteError, "refuses someone/toys.*HF_TOKEN"),
        ("403", PrerequisiteError, "refuses someone/toys.*HF_TOKEN"),
        ("404", DataError, r"has no someone/toys.*\[hub\]"),
        ("429", PrerequisiteError, "is not well"),
        ("503", PrerequisiteError, "is not well"),
        ("portal", PrerequisiteError, "does not answer as a hub"),
        ("truncate", DataError, "truncated"),
    ],
)
def test_a_hub_that_answers_badly(
    mode: str, kind: type[Exception], words: str, server: Hub, task: Task
) -> None:
    server.mode = mode
    assert re.search(words, line := fails(kind, lambda: load_train(task)))
    assert ways(line) == (kind is PrerequisiteError)
    server.mode = ""
    assert len(load_train(task)) == 6  # nothing half done was kept


@pytest.mark.parametrize("mode", ["break off", "hang later"])
def test_a_transfer_that_never_ends(
    mode: str, server: Hub, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "_DOWNLOAD_SECONDS", 2)
    server.mode = mode
    assert "did not arrive whole within 2 s" in fails(PrerequisiteError, lambda: load_train(task))


def test_a_hub_without_the_file(server: Hub, task: Task) -> None:
    del server.files[TRAIN]
    assert f"has no someone/toys, {TRAIN} at {COMMIT}" in fails(DataError, lambda: load_train(task))


def test_another_commit_than_the_one_asked_for(server: Hub, task: Task) -> None:
    server.commit = COMMIT[::-1]
    line = fails(DataError, lambda: load_train(task))
    assert f"has commit {COMMIT[::-1]} of someone/toys, not {COMMIT}" in line
    assert at_hand([task]) == [None]


def test_other_bytes_than_the_hub_announced(both_kinds: bool, server: Hub, task: Task) -> None:
    server.stored, server.mode = both_kinds, "exchange"
    assert "is not what the hub sent" in fails(DataError, lambda: load_train(task))
    server.mode = ""
    assert "tasks fetch --all" in fails(DataError, lambda: load_train(task))
    fetch_both(task)
    assert len(load_train(task)) == 6


def test_a_copy_that_changed_on_disk(server: Hub, task: Task) -> None:
    file = find_table(task, "train").file
    file.write_bytes(server.files[TEST])
    assert "is not what the hub sent" in fails(DataError, lambda: load_train(task))


@pytest.mark.parametrize("rows", [5, 7])
def test_wrong_counts(rows: int, server: Hub, task: Task, tmp_path: Path) -> None:
    server.files[TRAIN] = parquet(tmp_path / "other.parquet", rows)
    line = fails(DataError, lambda: load_train(task))
    assert f"{rows} rows, but the task's [hub] says 6" in line
    assert line.startswith(f"hub:someone/toys@0123456/{TRAIN}: ")
    server.files = {TRAIN: server.files[TRAIN], TEST: server.files[TRAIN]}
    wrong = replace(task, hub=replace(SOURCE, train_rows=rows))
    assert "says 2" in fails(DataError, lambda: fetch_both(wrong))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"<html>log in</html>", b"a,b\n1,2\n"])
def test_no_parquet(content: bytes, server: Hub, task: Task) -> None:
    server.files[TRAIN] = content
    assert "is no parquet file" in fails(DataError, lambda: load_train(task))


def test_fetching_reads_no_test_row(server: Hub, task: Task, tmp_path: Path) -> None:
    content = bytearray(server.files[TEST])
    content[4:40] = bytes(36)  # rows begin here: they cannot be decoded any more
    server.files[TEST] = bytes(content)
    train, test = fetch_both(task)
    assert train.name == "train-00000-of-00001.parquet"
    with pytest.raises(DataError, match="damaged parquet"):
        load_test(task, load_train(task))
    assert test.is_file()


def test_a_task_without_tables_on_the_hub(server: Hub, toy: Task) -> None:
    assert r"has no [hub]" in fails(DataError, lambda: fetch_both(toy))
    assert "give --data PATH or set" in fails(PrerequisiteError, lambda: load_train(toy))
    assert at_hand([toy]) == [None]
    assert server.asked == []


def test_nothing_of_the_library_is_loaded_here(server: Hub, task: Task) -> None:
    load_train(task)
    code = "import sys, sldagent.data.sources; print('huggingface_hub' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.fixture
def folder(server: Hub, write_task: Callable[..., Path], tmp_path: Path) -> Path:
    """A working folder with the toy as a local task, its tables on the server."""
    folder = tmp_path / "work"
    (folder / "tasks" / "toy").mkdir(parents=True)
    lines = [f"{key} = {json.dumps(getattr(SOURCE, key))}" for key in SOURCE.__dataclass_fields__]
    text = write_task().read_text() + "\n[hub]\n" + "\n".join(lines) + "\n"
    (folder / "tasks" / "toy" / "task.toml").write_text(text)
    return folder


def test_fetch_then_check_without_a_hub(folder: Path, server: Hub) -> None:
    env = dict(os.environ)
    done = sldagent("tasks", "fetch", "toy", cwd=folder, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1].split()[:3] == ["toy", "6", "2"]
    assert done.stderr == "the test rows were counted, not read\n"
    server.stop()
    done = sldagent("tasks", "fetch", "toy", "--json", cwd=folder, env=env)
    (fetched,) = json.loads(done.stdout)
    assert (fetched["name"], fetched["train_rows"], fetched["test_rows"]) == ("toy", 6, 2)
    done = sldagent("tasks", "check", "toy", cwd=folder, env=env)
    assert f"Table    hub:someone/toys@0123456/{TRAIN}\n" in done.stdout, done.stderr
    done = sldagent("tasks", "list", cwd=folder, env=env)
    assert [line.split()[0] for line in done.stdout.splitlines() if line.endswith("yes")] == ["toy"]
    done = sldagent("tasks", "show", "toy", cwd=folder, env=env)
    assert "Groups           g\n" in done.stdout


def test_fetch_says_what_to_name(folder: Path) -> None:
    for words in ((), ("toy", "--all")):
        done = sldagent("tasks", "fetch", *words, cwd=folder, env=dict(os.environ))
        assert done.returncode == 2
        assert "name tasks, or give --all" in done.stderr


def test_fetch_without_a_hub_ends_in_one_line(folder: Path, server: Hub) -> None:
    server.stop()
    done = sldagent("tasks", "fetch", "toy", "--json", cwd=folder, env=dict(os.environ))
    assert done.returncode == 3
    assert done.stdout == ""
    assert "cannot be reached" in json.loads(done.stderr)["error"]


def test_doctor_says_whether_the_hub_answers(folder: Path, server: Hub) -> None:
    from sldagent.doctor import _data

    assert _data(None)[1] is False  # it has not the benchmark's tables
    server.stop()
    name, well, words = _data(None)
    assert (name, well) == ("data", True)
    assert "cannot be reached" in words
    assert "our own tables serve (data_constrained" in words
    assert "--data PATH" in words
