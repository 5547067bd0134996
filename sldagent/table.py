"""The rows of a task as arrays."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Table:
    """Rows in file order: features `x` (N, F), targets `y` (N, T), one group name per row.

    Arrays are float64, finite and read-only. `origin` says where the rows came from, for messages
    and reports; it does not enter the hash. Group names are shown in many places: what is no
    printable character in them, such as a terminal's commands, is replaced.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    groups: tuple[str, ...]
    origin: str = ""

    def __post_init__(self) -> None:
        for name in ("x", "y"):
            array = np.array(getattr(self, name), dtype=np.float64)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        shown = tuple(map(_printable, self.groups))
        object.__setattr__(self, "groups", shown)
        if not self.x.ndim == self.y.ndim == 2 or not len(self.x) == len(self.y) == len(
            self.groups
        ):
            raise ValueError("x, y and groups must describe the same rows")

    def __len__(self) -> int:
        return len(self.x)

    @cached_property
    def group_names(self) -> tuple[str, ...]:
        """Every group once, in order of first appearance."""
        return tuple(dict.fromkeys(self.groups))

    @cached_property
    def group_codes(self) -> NDArray[np.intp]:
        """For each row the index of its group in `group_names`."""
        index = {name: i for i, name in enumerate(self.group_names)}
        return np.array([index[name] for name in self.groups], dtype=np.intp)

    def rows(self, keep: NDArray[np.intp] | NDArray[np.bool_] | Sequence[int]) -> "Table":
        """The chosen rows, in the order given."""
        mask = np.asarray(keep)
        chosen = np.arange(len(self))[mask if mask.size else mask.astype(np.intp)]
        names = tuple(self.groups[i] for i in chosen)
        return Table(self.x[chosen], self.y[chosen], names, self.origin)

    @cached_property
    def sha256(self) -> str:
        """Hash of values, order and groups; the same table from CSV and parquet agrees."""
        digest = hashlib.sha256(repr((self.x.shape, self.y.shape, self.groups)).encode())
        digest.update(np.ascontiguousarray(self.x).tobytes())
        digest.update(np.ascontiguousarray(self.y).tobytes())
        return digest.hexdigest()


def _printable(name: str) -> str:
    return name if name.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in name)
