"""What is recorded is said again; what is no recording is refused in one line."""

import json
from pathlib import Path

import numpy as np
import pytest

from sldagent.errors import UsageError
from sldagent.program import Program
from sldagent.proposing.base import Call, Proposal, Request
from sldagent.proposing.replay import Recorder, Replay

CALL = Call("proposal", "m", "question", "answer", 3, None, 1.5, 0.25, "ok")


def request(generation: int = 1, island: int = 0, slot: int = 0) -> Request:
    return Request(island, generation, (), (), (), {}, np.random.default_rng(0), slot)


class Scripted:
    name, concurrency, deterministic = "scripted", 4, False

    def __init__(self, *answers: Proposal | None) -> None:
        self._answers = list(answers)

    def propose(self, _: Request) -> Proposal | None:
        return self._answers.pop(0)


GOOD = Proposal(Program("x = 1\n"), (3, 1), (2,), "changed", "arm", (CALL,))
BAD = Proposal(None, (3,), (), "tried", reason="no block", proposer="other")


def test_a_recording_says_the_same_again_and_costs_nothing(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    recorder = Recorder(Scripted(GOOD, None, BAD), file, {"seed": 7})
    assert (recorder.name, recorder.concurrency, recorder.deterministic) == ("scripted", 4, False)
    given = [recorder.propose(request(*place)) for place in ((1, 0, 0), (1, 1, 0), (2, 1, 3))]
    recorder.close()
    assert given == [GOOD, None, BAD]
    replay = Replay(file)
    assert replay.header["seed"] == 7
    again = replay.propose(request(1, 0, 0))
    assert again is not None
    assert (again.program, again.parents, again.exemplars) == (GOOD.program, (3, 1), (2,))
    assert (again.arm, again.change, again.proposer) == ("arm", "changed", "scripted")
    assert (again.calls[0].prompt, again.calls[0].reply) == ("question", "answer")
    assert (again.calls[0].usd, again.calls[0].seconds) == (0.0, 0.0)
    assert replay.propose(request(1, 1, 0)) is None
    assert replay.propose(request(2, 1, 3)) == BAD
    assert replay.propose(request(9)) is None


def test_a_recording_is_one_json_object_a_line(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    Recorder(Scripted(GOOD), file, {"seed": 7}).propose(request())
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert lines[0] == {"recording": 1, "seed": 7}
    assert lines[1]["calls"][0]["prompt"] == "question"
    assert lines[1]["program"] == "x = 1\n"


def test_the_last_proposal_of_a_place_counts(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    recorder = Recorder(Scripted(BAD, GOOD), file, {})
    recorder.propose(request())
    recorder.propose(request())
    again = Replay(file).propose(request())
    assert again is not None
    assert again.program == GOOD.program


def test_a_recording_that_was_cut_short_is_gone_on_with(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    Recorder(Scripted(GOOD), file, {"seed": 7}).propose(request(1))
    whole = file.read_text()
    file.write_text(whole + whole.splitlines()[1][:40])
    assert Replay(file).propose(request(1)) is not None
    with pytest.raises(UsageError, match="exists already"):
        Recorder(Scripted(), file, {})
    Recorder(Scripted(GOOD), file, {}, resumed=True).propose(request(2))
    replay = Replay(file)
    assert replay.propose(request(1)) is not None
    assert replay.propose(request(2)) is not None
    assert replay.header["seed"] == 7


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("hello\n", "line 1: no line of a recording"),
        ('{"recording": 2}\n{}\n', "line 1.*newer version"),
        ('{"recording": 1}\n{"generation": 1}\n{}\n', "line 2: no line of a recording"),
        ("[1]\n", "line 1"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "r.jsonl"
    file.write_text(text)
    with pytest.raises(UsageError, match=words):
        Replay(file)


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the recording"):
        Replay(tmp_path / "absent")
    with pytest.raises(UsageError, match="cannot write the recording"):
        Recorder(Scripted(), tmp_path / "absent" / "r.jsonl", {})
