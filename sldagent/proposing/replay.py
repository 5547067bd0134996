"""Records what a proposer says, and says it again: a search without its model.

A recording is JSON lines: the first says for what search it is, every other is one proposal with
its place, its program and its model calls. Where a place occurs twice the later line counts.
"""

import dataclasses
import json
import threading
from pathlib import Path
from typing import Any, TextIO

from sldagent.errors import UsageError
from sldagent.program import Program
from sldagent.proposing.base import Call, Proposal, Proposer, Request

_FORMAT = 1
Place = tuple[int, int, int]  # generation, island, slot


class Recorder:
    """A proposer whose proposals are written to a file.

    Args:
        inner: Who proposes.
        path: The file; it must not exist, unless `resumed`.
        header: What a replay must know of the search.
        resumed: Whether a recording is gone on with.

    Raises:
        UsageError: The file exists or cannot be written.
    """

    def __init__(
        self, inner: Proposer, path: Path, header: dict[str, Any], resumed: bool = False
    ) -> None:
        self._inner = inner
        self._lock = threading.Lock()
        self.name = inner.name
        self.concurrency = inner.concurrency
        self.deterministic = inner.deterministic
        if resumed and path.exists():
            _drop_torn_line(path)
        else:
            resumed = False
        try:
            self._file: TextIO = open(path, "a" if resumed else "x", encoding="utf-8")  # noqa: SIM115
        except FileExistsError:
            raise UsageError(f"the recording {path} exists already; choose another file") from None
        except OSError as error:
            raise UsageError(f"cannot write the recording {path}: {error.strerror}") from None
        if not resumed:
            self._write({"recording": _FORMAT, **header})

    def propose(self, request: Request) -> Proposal | None:
        """What the other one proposes."""
        proposal = self._inner.propose(request)
        if proposal is not None:
            self._write(
                {
                    "generation": request.generation,
                    "island": request.island,
                    "slot": request.slot,
                    "proposer": proposal.proposer or self.name,
                    "arm": proposal.arm,
                    "change": proposal.change,
                    "parents": proposal.parents,
                    "exemplars": proposal.exemplars,
                    "reason": proposal.reason,
                    "program": None if proposal.program is None else proposal.program.source,
                    "calls": [dataclasses.asdict(call) for call in proposal.calls],
                }
            )
        return proposal

    def close(self) -> None:
        """Ends the file."""
        self._file.close()

    def _write(self, values: dict[str, Any]) -> None:
        with self._lock:
            self._file.write(json.dumps(values) + "\n")
            self._file.flush()


class Replay:
    """Proposes what a recording holds for the place of a request, and nothing where it ends.

    Costs and times of the recorded calls are left out, as nothing is called.

    Raises:
        UsageError: The file cannot be read or is no recording.
    """

    name = "replay"
    concurrency = 1
    deterministic = True

    def __init__(self, path: Path) -> None:
        self.header, self._proposals = _read(path)

    def propose(self, request: Request) -> Proposal | None:
        """The recorded proposal of this place."""
        return self._proposals.get((request.generation, request.island, request.slot))


def _read(path: Path) -> tuple[dict[str, Any], dict[Place, Proposal]]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise UsageError(f"cannot read the recording {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"the recording {path} is not UTF-8 text") from None
    header: dict[str, Any] = {}
    proposals: dict[Place, Proposal] = {}
    for number, line in enumerate(lines, start=1):
        try:
            values = json.loads(line)
            if number == 1:
                header = values
                if header["recording"] != _FORMAT:
                    raise ValueError("of a newer version")
            else:
                place = (values["generation"], values["island"], values["slot"])
                proposals[place] = _proposal(values)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            if number == len(lines) > 1:
                break  # the last line of a recording that was cut short
            raise UsageError(f"{path}, line {number}: no line of a recording ({error})") from None
    if not header:
        raise UsageError(f"the recording {path} is empty")
    return header, proposals


def _proposal(values: dict[str, Any]) -> Proposal:
    calls = tuple(
        Call(**{**call, "usd": 0.0, "seconds": 0.0, "stored": False}) for call in values["calls"]
    )
    source = values["program"]
    return Proposal(
        program=None if source is None else Program(source),
        parents=tuple(values["parents"]),
        exemplars=tuple(values["exemplars"]),
        change=values["change"],
        arm=values["arm"],
        calls=calls,
        reason=values["reason"],
        proposer=values["proposer"],
    )


def _drop_torn_line(path: Path) -> None:
    """Cuts off what a killed recorder wrote of a line."""
    with open(path, "rb+") as file:
        data = file.read()
        file.truncate(data.rfind(b"\n") + 1)
