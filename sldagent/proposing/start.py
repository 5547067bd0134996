"""The start program: an additive law over a task's features, written as a person would write it."""

from importlib import resources

from sldagent.program import Program
from sldagent.task import Role, Task

Term = tuple[int | str, ...]

FREE = "a"  # an exponent that is fitted; whole numbers are powers of the variable itself


def start_program(task: Task) -> Program:
    """An additive law: a constant and one term for each feature, as far as the limit allows.

    Sizes and counts enter by their logarithm (a term is a power law), shares and logged inputs as
    they are (a term is an exponential). Rates and batch sizes, which have an optimum, get a
    parabola. Where the limit has no room for a term each, all features share one.
    """
    terms: list[Term] = []
    width = len(task.features)
    for j, column in enumerate(task.features):
        if column.role in (Role.RATE, Role.BATCH):
            terms += [_unit(width, j, 1), _unit(width, j, 2)]
        else:
            terms.append(_unit(width, j, FREE))
    if any(column.role is Role.FRACTION for column in task.features):
        terms = [tuple([FREE] * width)]
    limit = limit_per_target(task)
    if limit is not None and cost(terms) > limit:
        terms = [tuple([FREE] * width)] if width + 2 <= limit else terms[:1]
    return write_program(task, tuple(terms))


def _unit(width: int, at: int, power: int | str) -> Term:
    return tuple(power if j == at else 0 for j in range(width))


def limit_per_target(task: Task) -> int | None:
    """Parameters that the law of one target may have."""
    limit = task.parameter_limit
    return None if limit is None else limit // len(task.targets)


def cost(terms: tuple[Term, ...] | list[Term]) -> int:
    """Parameters of a law with these terms: a constant, and per term amplitude and exponents."""
    return 1 + len(terms) + sum(power == FREE for term in terms for power in term)


def write_program(task: Task, terms: tuple[Term, ...]) -> Program:
    """The program with these terms; its text lies beside this module as a template."""
    text = resources.files("sldagent.proposing").joinpath("start_program.py.txt").read_text("utf-8")
    logged = tuple(column.role not in (Role.FRACTION, Role.LOGGED) for column in task.features)
    for name, value in (
        ("@FEATURES@", ", ".join(task.feature_names)),
        ("@LOGGED@", repr(logged)),
        ("@TERMS@", format_terms(terms)),
    ):
        text = text.replace(name, value)
    return Program(text)


def format_terms(terms: tuple[Term, ...]) -> str:
    """The terms as the program spells them."""
    rows = "".join(f"    {term!r},\n".replace("'", '"') for term in terms)
    return f"(\n{rows})"
