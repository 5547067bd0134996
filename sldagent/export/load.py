"""Loads an exported law back, to be called."""

import importlib.util
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from sldagent.errors import UsageError

_NAMES = ("predict", "predict_interval", "FEATURES", "TARGETS", "GROUP_COLUMN", "PARAMS")


class ExportedLaw:
    """A law that `sldagent export law` wrote.

    Attributes:
        features: Names that a row needs.
        targets: Names that a prediction has.
        group_column: Name under which a row names its group; None where there are no groups.
        params: Constants by group.
        ranges: Lowest and highest training value of each feature.
        formula: As text; None where the law could not be traced.
        latex: The same as LaTeX.
        card: The law card beside the file; empty where it is not there.
    """

    def __init__(self, module: ModuleType, card: dict[str, Any]) -> None:
        self._module = module
        self.features: tuple[str, ...] = module.FEATURES
        self.targets: tuple[str, ...] = module.TARGETS
        self.group_column: str | None = module.GROUP_COLUMN
        self.params: dict[str, Any] = module.PARAMS
        self.ranges: dict[str, tuple[float, float]] = module.RANGES
        self.formula: str | None = module.FORMULA
        self.latex: str | None = module.LATEX
        self.card = card

    def sympy(self) -> dict[str, Any]:
        """The formula of each target as a sympy expression; empty where the law was not traced.

        p0, p1, … stand for a group's constants, and features are symbols whatever they are called.
        Needs sympy.
        """
        return _expressions(self.formula, self.features) if self.formula else {}

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups that the law has constants for."""
        return tuple(self.params)

    def predict(self, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, float]]:
        """One dictionary of target values a row; ValueError where a group is unknown."""
        return list(self._module.predict(rows))

    def predict_interval(
        self, rows: Iterable[Mapping[str, Any]], level: float = 0.9
    ) -> list[dict[str, tuple[float, float]]]:
        """Where a new run may land, by row and target; ValueError for a law without refits."""
        return list(self._module.predict_interval(rows, level))


def _expressions(formula: str, features: Sequence[str]) -> dict[str, Any]:
    """Each line `target = formula` parsed, with features as symbols whatever they are called."""
    import sympy

    names = sorted(features, key=len, reverse=True)
    stand_in = {f"feature_{i}_": sympy.Symbol(name) for i, name in enumerate(names)}
    found = {}
    for line in formula.splitlines():
        target, _, text = line.partition(" = ")
        for place, name in zip(stand_in, names, strict=True):
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", place, text)
        found[target] = sympy.sympify(text, locals=stand_in)
    return found


def load_law(path: str | Path) -> ExportedLaw:
    """The law in a folder that `sldagent export` wrote, or in its `law.py`.

    The file is Python and runs in this process: load only what you trust.

    Raises:
        UsageError: There is no such file, or it is no exported law.
    """
    file = Path(path).expanduser()
    if file.is_dir():
        file = file / "law.py"
    if not file.is_file():
        raise UsageError(f"no law in {path}: expected a folder with law.py, or such a file")
    spec = importlib.util.spec_from_file_location("exported_law", file)
    if spec is None or spec.loader is None:
        raise UsageError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UsageError(f"{file} cannot be loaded: {type(error).__name__}: {error}") from error
    if missing := [name for name in _NAMES if not hasattr(module, name)]:
        raise UsageError(f"{file} is no exported law: it lacks {missing[0]}")
    card = file.with_name("card.json")
    return ExportedLaw(module, json.loads(card.read_text("utf-8")) if card.is_file() else {})
