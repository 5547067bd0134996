"""The symbolic proposer and the first population."""

from collections import Counter

import numpy as np
import pytest
from proposing.symbolic_tasks import ROLES, member, problem, request

from sldagent.candidate import Status
from sldagent.laws.codegen import Link, read
from sldagent.program import Program
from sldagent.proposing.base import Arm, Member
from sldagent.proposing.symbolic import SymbolicProposer, seeds
from sldagent.proposing.symbolic.bandit import draw_move
from sldagent.proposing.symbolic.moves import MOVES
from sldagent.proposing.symbolic.setting import Setting
from sldagent.table import Table

FOREIGN = Program(
    "# EVOLVE-BLOCK-START\nimport numpy as np\n\n"
    "def scaling_law_func(data_points, params):\n"
    "    return params[0] * np.asarray(data_points)[:, 0] ** params[1]\n\n"
    "def fit_scaling_law(data_points, loss_values):\n    return np.array([1.0, -0.1])\n"
    "# EVOLVE-BLOCK-END\n"
)


def pool(kind: str, count: int = 8, **kwargs) -> tuple[SymbolicProposer, list[Member]]:  # type: ignore[no-untyped-def]
    task, table = problem(kind, **kwargs)
    starts = seeds(task, table)[:count]
    members = [member(i, start.program) for i, start in enumerate(starts)]
    return SymbolicProposer(task, table), members


@pytest.mark.parametrize("kind", ROLES)
def test_seeds(kind: str) -> None:
    task, table = problem(kind)
    starts = seeds(task, table)
    assert 10 <= len(starts) <= 120
    assert len({start.program.hash for start in starts}) == len(starts)
    assert all(start.proposer == "symbolic" and start.change for start in starts)
    forms = [read(start.program.source, len(task.features)) for start in starts]
    assert all(form is not None for form in forms)
    room = (task.parameter_limit or 30) // len(task.targets)
    assert max(len(form.law.parameters) for form in forms if form) <= room
    assert len(forms[0].law.slots) == len(task.features)  # type: ignore[union-attr]
    fits = {(form.objective.name, form.link) for form in forms if form}
    assert fits == {
        ("squared", Link.IDENTITY), ("squared", Link.LOG), ("huber_log", Link.IDENTITY),
        ("log_squared", Link.IDENTITY),
    }  # fmt: skip
    weighed = {form.emphasis for form in forms if form}
    assert weighed == ({0.0} if kind == "mixture" else {0.0, 2.0})


def test_seeds_are_the_same_every_time() -> None:
    first, again = (seeds(*problem("counts")) for _ in range(2))
    assert [start.program.source for start in first] == [s.program.source for s in again]


def test_long_tables_have_fewer_seeds() -> None:
    task, table = problem("repeats", rows=1600)
    assert len(seeds(task, table)) == 80


def test_a_formula_of_the_logarithm_is_changed_into_others() -> None:
    task, table = problem("repeats")
    forms = {start.program: read(start.program.source, 3) for start in seeds(task, table)}
    linked = [program for program, form in forms.items() if form and form.link is Link.LOG]
    plain = [program for program, form in forms.items() if form and form.link is not Link.LOG]
    members = [member(i, program) for i, program in enumerate([*linked[:3], *plain[:2]])]
    proposer = SymbolicProposer(task, table)
    for seed in range(10):
        found = proposer.propose(request(*members, seed=seed))
        assert found is not None
        assert found.program is not None
        made = read(found.program.source, 3)
        assert made is not None
        assert made.link is Link.LOG
        assert not made.objective.log
        assert set(found.exemplars) <= {2}


@pytest.mark.parametrize(("whole", "link"), [(1.0, Link.LOGIT), (100.0, Link.PERCENT)])
def test_accuracies_have_formulas_of_their_odds(whole: float, link: Link) -> None:
    task, table = problem("repeats")
    place = np.log(table.x).sum(axis=1)
    rising = whole * (0.1 + 0.8 * (place - place.min()) / np.ptp(place))
    table = Table(table.x, rising[:, None], table.groups)
    forms = [read(start.program.source, 3) for start in seeds(task, table)]
    assert {form.link for form in forms if form} == {Link.IDENTITY, Link.LOG, link}
    floors = [f.law.amplitudes[0].lower for f in forms if f and f.law.amplitudes[0].name == "E"]
    assert set(floors) == {-np.inf}
    rising[0] = 0.0  # has no logarithm, but its program's errors are those of the target
    table = Table(table.x, rising[:, None], table.groups)
    forms = [read(start.program.source, 3) for start in seeds(task, table)]
    assert {form.link for form in forms if form} == {Link.IDENTITY, link}


def test_signed_targets_are_fitted_without_logarithms() -> None:
    task, table = problem("logged", signed=True)
    forms = [read(start.program.source, 1) for start in seeds(task, table)]
    assert {form.objective.name for form in forms if form} == {"squared", "soft_l1"}


@pytest.mark.parametrize("kind", ROLES)
def test_the_same_request_has_the_same_answer(kind: str) -> None:
    proposer, members = pool(kind)
    other, _ = pool(kind)
    for seed in range(6):
        one = proposer.propose(request(*members[:5], seed=seed))
        assert one is not None
        assert one.program is not None
        assert one == other.propose(request(*members[:5], seed=seed))
        assert one.parents[0] == 0
        assert set(one.parents[1:]) <= {1}
        assert set(one.exemplars) <= {2, 3, 4}


def test_most_programs_of_a_search_are_new() -> None:
    proposer, members = pool("vocabulary", 30)
    rng = np.random.default_rng(0)
    programs, arms = set(), Counter[str]()
    for seed in range(300):
        shown = [members[i] for i in rng.choice(len(members), size=5, replace=False)]
        proposal = proposer.propose(request(*shown, seed=seed))
        if proposal is None:
            continue
        assert proposal.program is not None
        programs.add(proposal.program.hash)
        arms[proposal.arm] += 1
        if len(members) < 50:
            members.append(member(len(members), proposal.program))
    assert len(programs) >= 200
    assert sum(arms.values()) >= 295
    rare = {"free exponent", "unshare exponents", "power to logarithm"}
    assert set(arms) >= set(MOVES) - rare


def test_names_of_task_and_columns_do_not_matter() -> None:
    proposer, members = pool("repeats")
    renamed, others = pool("repeats", prefix="my_")
    for seed in range(20):
        one = proposer.propose(request(*members[:4], seed=seed))
        other = renamed.propose(request(*others[:4], seed=seed))
        assert one is not None
        assert other is not None
        assert one.program is not None
        assert other.program is not None
        assert (one.change, one.arm) == (other.change, other.arm)
        assert read(one.program.source, 3) == read(other.program.source, 3)


def test_siblings_and_members_are_not_repeated() -> None:
    proposer, members = pool("curve", 4)
    siblings: list = []
    for seed in range(12):
        proposal = proposer.propose(request(*members, seed=seed, siblings=tuple(siblings)))
        if proposal is None:
            continue
        assert proposal.program is not None
        known = {candidate.program_hash for candidate, _ in members}
        assert proposal.program.hash not in known | {s.program_hash for s in siblings}
        siblings.append(member(10 + seed, proposal.program, change=proposal.change)[0])


def test_a_change_that_failed_is_not_made_again() -> None:
    proposer, members = pool("repeats", 3)
    first = proposer.propose(request(*members, seed=3))
    assert first is not None
    failed = member(9, FOREIGN, Status.TIMEOUT, change=first.change)[0]
    again = proposer.propose(request(*members, seed=3, siblings=(failed,)))
    assert again is not None
    assert again.change != first.change


def test_the_structure_of_an_exemplar_is_not_proposed() -> None:
    proposer, members = pool("counts", 12)
    setting = Setting.of(*problem("counts"))
    known = {setting.structure(read(p.source, 2).law) for _, p in members}  # type: ignore[union-attr]
    for seed in range(30):
        proposal = proposer.propose(request(*members, seed=seed))
        if proposal is None or proposal.arm in ("box", "objective", "emphasis", "cross fit"):
            continue
        assert proposal.program is not None
        form = read(proposal.program.source, 2)
        assert form is not None
        assert setting.structure(form.law) not in known


def test_programs_of_others() -> None:
    proposer, members = pool("counts", 12)
    foreign = member(50, FOREIGN)
    alone = proposer.propose(request(foreign))
    assert alone is not None
    assert alone.program is not None
    assert alone.parents == (50,)
    assert alone.change.startswith("begin anew")
    crossed = [proposer.propose(request(foreign, *members, seed=seed)) for seed in range(10)]
    arms = {p.arm for p in crossed if p}
    assert "fresh form" in arms
    assert arms & {"cross terms", "swap term"}
    for proposal in crossed:
        assert proposal is not None
        assert proposal.program is not None
        assert proposal.parents[0] == 50
        assert read(proposal.program.source, 2) is not None


def test_programs_over_other_roles_cannot_be_read() -> None:
    """A symbolic program of another task is foreign."""
    proposer, _ = pool("curve")
    _, others = pool("logged")
    proposal = proposer.propose(request(others[0]))
    assert proposal is not None
    assert proposal.arm == "fresh form"


def test_moves_that_brought_something_are_drawn_more_often() -> None:
    names = ["a", "b", "c"]
    arms = {"a": Arm(50, 50, 30, 1.0), "b": Arm(50, 50, 1, 0.001), "c": Arm(50, 50, 1, 0.001)}
    rng = np.random.default_rng(0)
    drawn = Counter(draw_move(names, arms, rng) for _ in range(600))
    assert drawn["a"] > 400
    assert min(drawn["b"], drawn["c"]) > 20
    even = Counter(draw_move(names, {}, rng) for _ in range(600))
    assert min(even.values()) > 120
