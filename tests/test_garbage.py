"""When Python looks for garbage."""

import gc

from sldagent.garbage import seldom_collecting


def test_it_looks_seldom_for_a_while() -> None:
    before = gc.get_threshold()
    with seldom_collecting():
        assert gc.get_threshold() > before
    assert gc.get_threshold() == before
