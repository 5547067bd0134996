from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from sldagent.cuts import Cut, make_cuts
from sldagent.data.sources import load_train
from sldagent.data.tasks import list_tasks
from sldagent.errors import DataError
from sldagent.table import Table
from sldagent.task import Column, CutKind, CutRule, Role, Task

AXIS, CORNER, FAR = CutKind.AXIS, CutKind.CORNER, CutKind.FAR


def task_of(*rules: CutRule, features: str = "ab") -> Task:
    columns = tuple(Column(name, Role.SIZE) for name in features)
    return Task("toy", "Toy", "", columns, (Column("loss"),), rules)


def table_of(x: ArrayLike, y: ArrayLike | None = None, groups: str | None = None) -> Table:
    x = np.asarray(x, float)
    y = np.asarray(np.arange(len(x)) if y is None else y, float)
    return Table(x, y.reshape(len(x), -1), tuple(groups or "g" * len(x)), "t.csv")


def grid(*levels: list[float]) -> np.ndarray:
    return np.array(np.meshgrid(*levels, indexing="ij"), float).reshape(len(levels), -1).T


def rule(kind: CutKind, axes: str, *shares: float) -> CutRule:
    return CutRule(kind, tuple(axes), shares)


def one_cut(kind: CutKind, axes: str, share: float, table: Table) -> Cut:
    (cut,) = make_cuts(task_of(rule(kind, axes, share)), table)
    return cut


def test_an_axis_is_cut_between_levels_near_the_wanted_share() -> None:
    table = table_of(grid([1, 2, 4, 8, 16], [1, 2]))
    cuts = make_cuts(task_of(rule(AXIS, "a", 0.1, 0.45)), table)
    assert [cut.name for cut in cuts] == ["a>8", "a>4"]
    assert cuts[0].held_out.tolist() == [8, 9]
    assert cuts[1].held_out.tolist() == [6, 7, 8, 9]
    assert cuts[1].fit.tolist() == [0, 1, 2, 3, 4, 5]
    assert cuts[0].axes == (0,)


def test_a_feature_that_falls_is_cut_at_its_lower_end() -> None:
    table = table_of(grid([2.5, 3, 3.5, 4], [1, 2, 4, 8]))
    rules = (rule(AXIS, "ab", 0.25), rule(CORNER, "ab", 0.25))
    task = task_of(*rules)
    task = replace(task, features=(replace(task.features[0], falls=True), task.features[1]))
    falling, rising, corner = make_cuts(task, table)
    assert [falling.name, rising.name, corner.name] == ["a<3", "b>4", "a<3.5 & b>2"]
    assert np.unique(table.x[falling.held_out, 0]).tolist() == [2.5]
    assert table.x[corner.held_out].tolist() == grid([2.5, 3], [4, 8]).tolist()


def test_of_two_equally_near_shares_the_smaller_is_held_out() -> None:
    table = table_of(grid([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [1, 2]))
    assert one_cut(AXIS, "a", 0.15, table).name == "a>9"


def test_a_rule_cuts_each_axis_by_itself() -> None:
    cuts = make_cuts(task_of(rule(AXIS, "ba", 0.3)), table_of(grid([1, 2, 4], [1, 2, 4, 5e9])))
    assert [(cut.name, cut.axes) for cut in cuts] == [("b>4", (1,)), ("a>2", (0,))]


def test_groups_with_ranges_of_their_own_are_cut_each_at_its_own_top() -> None:
    x = [[1], [2], [3], [4], [30], [20], [10], [40]]
    task = task_of(rule(AXIS, "a", 0.25, 0.5), features="a")
    cuts = make_cuts(task, table_of(x, groups="ppppqqqq"))
    assert [cut.held_out.tolist() for cut in cuts] == [[3, 7], [2, 3, 4, 7]]
    assert [cut.name for cut in cuts] == ["a top 25%", "a top 50%"]


def test_a_group_that_cannot_be_cut_stays_in_the_fit_rows() -> None:
    task = task_of(rule(AXIS, "a", 0.25), features="a")
    (cut,) = make_cuts(task, table_of([[1], [2], [3], [4], [4], [9], [8]], groups="pppppqq"))
    assert cut.held_out.tolist() == [3, 4]
    assert cut.name == "a>3"


def test_the_corner_is_the_top_of_every_axis_at_once() -> None:
    table = table_of(grid([1, 2, 4, 8], [10, 20, 40, 80]))
    cut = one_cut(CORNER, "ab", 0.25, table)
    assert cut.name == "a>2 & b>20"
    assert table.x[cut.held_out].tolist() == [[4, 40], [4, 80], [8, 40], [8, 80]]
    assert cut.axes == (0, 1)


def test_far_rows_are_those_far_from_the_mean_of_the_distinct_ones() -> None:
    # The centre row is there many times, and pulls the mean no more for it.
    x = [[0.5, 0.5]] * 6 + [[0.4, 0.6], [0.6, 0.4], [0.0, 1.0], [1.0, 0.0]]
    cut = one_cut(FAR, "ab", 0.2, table_of(x))
    assert cut.held_out.tolist() == [8, 9]
    assert cut.name == "far from the centre, top 20%"


def test_the_same_held_out_rows_make_one_cut() -> None:
    table = table_of(grid([1, 2, 4], [1, 2, 4]))
    assert len(make_cuts(task_of(rule(AXIS, "a", 0.3, 0.33, 0.9)), table)) == 1


def test_no_axis_is_left_with_one_level() -> None:
    two = table_of(grid([1, 2], [1, 2, 4]))
    cuts = make_cuts(task_of(rule(AXIS, "ab", 0.5)), two)
    assert [cut.name for cut in cuts] == ["b>2"]
    # b has its second level only where a is at its top: cutting the top off a would fix b.
    tied = table_of([[1, 1], [2, 1], [3, 1], [4, 2], [4, 3]])
    with pytest.raises(DataError):
        make_cuts(task_of(rule(AXIS, "a", 0.2)), tied)


def test_a_constant_column_is_no_obstacle() -> None:
    table = table_of(grid([1, 2, 4, 8], [0.1]).repeat(3, axis=0))
    assert one_cut(AXIS, "a", 0.25, table).name == "a>4"
    assert len(one_cut(FAR, "ab", 0.25, table).held_out) == 3


def test_held_out_rows_are_two_and_vary() -> None:
    task = task_of(rule(AXIS, "a", 0.25, 0.5), features="a")
    x = [[1], [2], [3], [4]]
    assert [c.name for c in make_cuts(task, table_of(x))] == ["a>2"]
    with pytest.raises(DataError, match=r"t.csv: empty cut: no rule of task 'toy'"):
        make_cuts(task, table_of(x, [1, 2, 3, 3]))
    with pytest.raises(DataError):  # one target of two does not vary
        make_cuts(task, table_of(x, [[1, 1], [2, 2], [3, 3], [4, 3]]))


def test_names_are_unique() -> None:
    x = [[v] for v in (1, 2, 3000001, 3000002, 3000003, 3000004)]
    cuts = make_cuts(task_of(rule(AXIS, "a", 0.34, 0.5), features="a"), table_of(x))
    assert [cut.name for cut in cuts] == ["a>3e6", "a>3e6 #2"]


@pytest.mark.parametrize("kind", CutKind)
def test_the_benchmark_is_cut(kind: CutKind, shared_data: Path, tmp_path: Path) -> None:
    for task in list_tasks(tmp_path):
        if kind in {r.kind for r in task.cut_rules}:
            assert 3 <= len(make_cuts(task, load_train(task, shared_data))) <= 5


levels = st.integers(1, 40).map(lambda n: n / 4)
tables = st.integers(4, 30).flatmap(
    lambda n: st.builds(
        table_of,
        st.lists(st.tuples(levels, levels, levels), min_size=n, max_size=n),
        st.permutations(range(n)),
        st.text("pqr", min_size=n, max_size=n),
    )
)
rules = st.builds(
    CutRule,
    st.sampled_from(CutKind),
    st.sampled_from([("a", "b"), ("c", "a"), ("a", "b", "c")]),
    st.lists(st.floats(0.05, 0.95), min_size=1, max_size=3).map(tuple),
)


def cuts_of(table: Table, cut_rule: CutRule) -> tuple[Cut, ...]:
    try:
        return make_cuts(task_of(cut_rule, features="abc"), table)
    except DataError:
        return ()


def held_out(cuts: tuple[Cut, ...], order: np.ndarray | None = None) -> list[list[int]]:
    """The held-out rows of each cut, as numbers of the rows before they were put in `order`."""
    return [sorted((c.held_out if order is None else order[c.held_out]).tolist()) for c in cuts]


@given(tables, rules)
def test_a_cut_divides_the_rows_and_leaves_what_it_promises(table: Table, r: CutRule) -> None:
    cuts = cuts_of(table, r)
    assert len({cut.name for cut in cuts}) == len({c.held_out.tobytes() for c in cuts}) == len(cuts)
    for cut in cuts:
        assert sorted([*cut.fit, *cut.held_out]) == list(range(len(table)))
        assert (np.diff(cut.fit) > 0).all()
        assert (np.diff(cut.held_out) > 0).all()
        assert len(cut.held_out) >= 2
        assert np.ptp(table.y[cut.held_out]) > 0
        fit = table.rows(cut.fit)
        assert set(table.rows(cut.held_out).groups) <= set(fit.groups)
        for group in table.group_names:
            before = table.x[[g == group for g in table.groups]]
            after = fit.x[[g == group for g in fit.groups]]
            assert ((np.ptp(after, axis=0) > 0) == (np.ptp(before, axis=0) > 0)).all()


@given(tables, rules)
def test_held_out_rows_lie_beyond_the_fit_rows_of_their_group(table: Table, r: CutRule) -> None:
    for cut in cuts_of(table, r):
        out = table.rows(cut.held_out)
        fit = table.rows(cut.fit)
        for group in out.group_names:
            top = out.x[[g == group for g in out.groups]][:, cut.axes].min(axis=0)
            rest = fit.x[[g == group for g in fit.groups]][:, cut.axes]
            if r.kind is AXIS:
                assert (rest < top).all()
            elif r.kind is CORNER:
                assert (rest < top).any(axis=1).all()


@given(tables, rules, st.randoms(use_true_random=False))
def test_the_order_of_rows_makes_no_difference(table: Table, r: CutRule, random: object) -> None:
    order = np.arange(len(table))
    random.shuffle(order)  # type: ignore[attr-defined]
    cuts, shuffled = cuts_of(table, r), cuts_of(table.rows(order), r)
    assert held_out(shuffled, order) == held_out(cuts)
    assert [c.name for c in shuffled] == [c.name for c in cuts]


@given(tables, rules, st.sampled_from([1e-3, 1e3, 7.0]), st.integers(0, 2))
def test_units_make_no_difference(table: Table, r: CutRule, factor: float, column: int) -> None:
    x = np.array(table.x)
    x[:, column] *= factor
    scaled = Table(x, table.y, table.groups)
    assert held_out(cuts_of(scaled, r)) == held_out(cuts_of(table, r))


@given(tables, rules)
def test_targets_decide_nothing_but_whether_they_vary(table: Table, r: CutRule) -> None:
    other = Table(table.x, -(table.y**3), table.groups)
    assert held_out(cuts_of(other, r)) == held_out(cuts_of(table, r))
