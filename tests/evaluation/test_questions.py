"""What children are asked, and in what order."""

import numpy as np
from contracts import small_task
from hypothesis import given
from hypothesis import strategies as st

from sldagent.cuts import Cut
from sldagent.evaluation.questions import ALONE, Questions

ROWS = small_task.table()
HELD_OUT = st.sets(st.integers(0, len(ROWS) - 1), min_size=2, max_size=len(ROWS) - 2)


def cut(name: str, held_out: set[int]) -> Cut:
    out = np.array(sorted(held_out))
    return Cut(name, np.setdiff1d(np.arange(len(ROWS)), out), out, (0,))


@given(held_out=st.lists(HELD_OUT, min_size=1, max_size=6))
def test_parameters_tell_of_no_row_that_their_child_has_still_to_predict(
    held_out: list[set[int]],
) -> None:
    first = held_out[0]
    more = min(set(range(len(ROWS))) - first)
    nested = [first | {more}, *held_out]
    cuts = [cut(str(i), out) for i, out in enumerate(nested)]
    questions = Questions(small_task.task(), ROWS, cuts)
    assert sorted(c for chain in questions.chains for c in chain) == list(range(len(cuts)))
    assert len(questions.chains) < len(cuts)
    for chain in questions.chains:
        told: set[int] = set()
        for _, part in questions.predicting(chain):
            for call in (questions.calls[i] for i in part):
                told |= set(cuts[call.cut].fit.tolist())
                asked = set() if call.rows is None else set(call.rows.tolist())
                assert not told & asked & nested[call.cut]


def test_all_is_asked_again_in_the_reverse_order() -> None:
    questions = Questions(small_task.task(), ROWS, small_task.cuts(ROWS))
    first = [i for cuts in questions.chains for _, part in questions.predicting(cuts) for i in part]
    assert sorted(first) == list(range(len(questions.calls)))
    again = [i for how, part in questions.checking() if how == ALONE for i in part]
    assert again == first[::-1]
