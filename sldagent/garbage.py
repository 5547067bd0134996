"""When Python looks for garbage, which its default has it do for far smaller programs."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def seldom_collecting() -> Iterator[None]:
    """Has the garbage collector look seldom while libraries load or many programs are parsed.

    A library is hundreds of thousands of objects that stay, a syntax tree is ten thousand: to
    search them for cycles after every few hundred takes a sixth of the time of a short command, and
    three times as long as parsing.
    """
    before = gc.get_threshold()
    gc.set_threshold(100_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)
