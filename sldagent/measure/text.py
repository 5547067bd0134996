"""The text that is trained on: the sources of the standard library, which every Python ships.

Bytes are the tokens. Those beyond ASCII are one symbol, so that there are 128. Whole files are
training or validation text, by the hash of their path: no validation byte is ever trained on.
"""

import hashlib
import sys
import sysconfig
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sldagent.errors import PrerequisiteError
from sldagent.measure.spec import WINDOW

_VALIDATION_WINDOWS = 2048
_VALIDATION_SHARE = 16  # one file in so many
_OTHER = 127  # stands for every byte beyond ASCII

# Distributions ship these apart or not at all; encodings are tables of numbers.
_LEFT_OUT = {
    "__pycache__", "dist-packages", "distutils", "encodings", "ensurepip", "idlelib", "lib2to3",
    "site-packages", "test", "tests", "tkinter", "turtledemo",
}  # fmt: skip


@dataclass(frozen=True)
class Text:
    """Windows of training and of validation text, (windows, WINDOW + 1) of uint8.

    The last byte of a window is a target only; it is the first byte of the next window.
    """

    train: NDArray[np.uint8]
    validation: NDArray[np.uint8]
    files: int
    sha256: str

    @property
    def train_tokens(self) -> int:
        """Distinct tokens that can be trained on."""
        return len(self.train) * WINDOW

    def describe(self) -> dict[str, str | int]:
        """What a recipe says of the text."""
        return {
            "source": f"standard library of Python {sys.version.split()[0]}",
            "files": self.files,
            "train_tokens": self.train_tokens,
            "validation_tokens": len(self.validation) * WINDOW,
            "sha256": self.sha256,
        }


@cache
def read_text(folder: Path | None = None) -> Text:
    """The text of this Python's standard library, or of the `*.py` files in a folder.

    Raises:
        PrerequisiteError: There are no sources, or too few.
    """
    root = folder or Path(sysconfig.get_path("stdlib"))
    files = sorted(
        (path.relative_to(root).as_posix(), path)
        for path in root.rglob("*.py")
        if not _LEFT_OUT & set(path.relative_to(root).parts)
        and not path.name.startswith("_sysconfigdata")  # differs from machine to machine
    )
    digest = hashlib.sha256()
    parts: dict[bool, list[bytes]] = {True: [], False: []}
    for name, path in files:
        content = path.read_bytes()
        digest.update(f"{name} {len(content)}\n".encode() + content)
        chosen = hashlib.sha256(name.encode()).digest()[0] % _VALIDATION_SHARE == 0
        parts[chosen].append(content)
    train, validation = (_windows(b"".join(parts[chosen])) for chosen in (False, True))
    if len(validation) < 2 or len(train) < 2:
        raise PrerequisiteError(
            f"{root}: hardly any Python sources to train on; use another Python"
        )
    # Spread over all files, the same ones for every run.
    keep = np.linspace(0, len(validation) - 1, min(_VALIDATION_WINDOWS, len(validation)))
    return Text(train, validation[keep.astype(int)], len(files), digest.hexdigest())


def choose_windows(text: Text, unique_tokens: int, seed: int) -> NDArray[np.uint8]:
    """The distinct windows of a run; with one seed, a smaller choice is part of a larger one."""
    count = unique_tokens // WINDOW
    order = np.random.default_rng([seed, 1]).permutation(len(text.train))
    return text.train[order[:count]]


def _windows(content: bytes) -> NDArray[np.uint8]:
    tokens = np.minimum(np.frombuffer(content, np.uint8), _OTHER)
    count = max((len(tokens) - 1) // WINDOW, 0)
    starts = np.arange(count)[:, None] * WINDOW
    windows: NDArray[np.uint8] = tokens[starts + np.arange(WINDOW + 1)]
    return windows
