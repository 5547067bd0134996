"""Proposes changed laws as programs."""

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from sldagent.candidate import Candidate, Status
from sldagent.laws.codegen import Form, Link, read
from sldagent.program import Program
from sldagent.proposing.base import Member, Proposal, Request
from sldagent.proposing.symbolic.bandit import draw_move
from sldagent.proposing.symbolic.moves import KEEP_STRUCTURE, MOVES, NEED_MATES, Made
from sldagent.proposing.symbolic.moves.base import Subject
from sldagent.proposing.symbolic.setting import Setting
from sldagent.table import Table
from sldagent.task import Task

_TRIES = 20
_VAIN = 2  # tries after which a move is taken to be impossible
_FRESH = "fresh form"
_KEEPING = 0.2  # share of moves that keep the structure of the law
_CROSSES = ("cross terms", "swap term", _FRESH)


class SymbolicProposer:
    """Changes the law behind a program, or crosses it with another, and writes the program anew.

    Programs that it cannot read, as others wrote them, are answered with a cross of readable
    exemplars or with a fresh form.

    Args:
        task: What is searched for; only roles, limit and columns are used.
        table: The training rows, for the units of the features and the sign of the targets.
    """

    name = "symbolic"
    concurrency = 1
    deterministic = True

    def __init__(self, task: Task, table: Table) -> None:
        plain = Setting.of(task, table)
        self._settings = {link: plain.linked(link) for link in plain.links}
        self._form = lru_cache(maxsize=512)(self._read)
        self._structure = lru_cache(maxsize=2048)(plain.structure)

    def propose(self, request: Request) -> Proposal | None:
        """A program that neither the request's members nor siblings have; None after 20 tries."""
        readable = [
            (candidate, form)
            for candidate, program in (*request.parents, *request.exemplars)
            if (form := self._form(program.source)) is not None
        ]
        # Terms of a formula and of one of the logarithm do not mix.
        readable = [member for member in readable if member[1].link is readable[0][1].link]
        first = request.parents[0][0]
        if readable and readable[0][0] is first:
            names = [n for n in MOVES if len(readable) > 1 or n not in NEED_MATES]
        else:
            names = list(_CROSSES) if len(readable) > 1 else [_FRESH]
        (_, form), mates = readable[0] if readable else (first, self._any(request)), readable[1:]
        if form is None:
            return None
        setting = self._settings[form.link]
        subject = Subject(form, tuple(form for _, form in mates), setting)
        members: Iterable[Member] = (*request.parents, *request.exemplars)
        tried = {candidate.program_hash for candidate, _ in members}
        tried |= {sibling.program_hash for sibling in request.siblings}
        vain: Counter[str] = Counter()
        for _ in range(_TRIES):
            if not names:
                return None
            move = draw_move(self._of_one_kind(names, request.rng), request.arms, request.rng)
            made = MOVES[move](subject, request.rng)
            if made is None:
                vain[move] += 1
                names = [name for name in names if vain[name] < _VAIN]
                continue
            if self._is_known(move, made, subject, request):
                continue
            program = setting.program(made.form)
            if program.hash not in tried:
                return self._proposal(move, made, program, request, readable)
        return None

    @staticmethod
    def _of_one_kind(names: list[str], rng: np.random.Generator) -> list[str]:
        """Moves that keep the structure, or those that change it.

        The former are accepted easily, as they change the score little, and would fill an island
        with copies of one law.
        """
        keeping = [name for name in names if name in KEEP_STRUCTURE]
        changing = [name for name in names if name not in KEEP_STRUCTURE]
        return keeping if keeping and (not changing or rng.random() < _KEEPING) else changing

    def _any(self, request: Request) -> Form | None:
        """A form to begin with where none of the request's programs can be read."""
        for _ in range(_TRIES):
            form = self._settings[Link.IDENTITY].grown(request.rng)
            if form is not None:
                return form
        return None

    def _is_known(self, move: str, made: Made, subject: Subject, request: Request) -> bool:
        """Whether this change failed before, or gives the structure of a law that was shown."""
        failed = {s.change for s in request.siblings if s.evaluation.status is not Status.OK}
        if made.change in failed:
            return True
        shown = () if move in KEEP_STRUCTURE else (subject.form, *subject.mates)
        return self._structure(made.form.law) in {self._structure(form.law) for form in shown}

    @staticmethod
    def _proposal(
        move: str,
        made: Made,
        program: Program,
        request: Request,
        readable: list[tuple[Candidate, Form]],
    ) -> Proposal:
        first = request.parents[0][0]
        seen = [] if move == _FRESH else [readable[0][0]]
        if made.mate is not None:
            seen.append(readable[1 + made.mate][0])
        numbers = [candidate.number for candidate in seen if candidate.number != first.number]
        second = {candidate.number for candidate, _ in request.parents[1:]}
        return Proposal(
            program=program,
            parents=(first.number, *(n for n in numbers if n in second)),
            exemplars=tuple(n for n in numbers if n not in second),
            change=made.change,
            arm=move,
        )

    def _read(self, source: str) -> Form | None:
        """The form of a program, if it is one over this task's features."""
        features = self._settings[Link.IDENTITY].features
        form = read(source, len(features.slots))
        roles = {slot.column: slot.role for slot in features.slots}
        if form is None or any(roles.get(s.column) is not s.role for s in form.law.slots):
            return None
        if form.link not in self._settings:
            return None
        return form
