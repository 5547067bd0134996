"""Moves keep what every law has: linear amplitudes, used parameters, room, finite predictions."""

import re

import numpy as np
import pytest
from laws.synthetic import features, one_law_a_family, truth
from proposing.symbolic_tasks import ROLES, problem

from sldagent.laws.codegen import Form, Link, plain_units, read, write
from sldagent.laws.codegen.grammar import names_in, read_formula
from sldagent.laws.expressions import Law, Slot, amplitude, compiled, shape
from sldagent.laws.families import applicable, find
from sldagent.laws.families.features import Features
from sldagent.proposing.symbolic.expansion import collapse, expand
from sldagent.proposing.symbolic.ingredients import INGREDIENTS
from sldagent.proposing.symbolic.moves import MOVES
from sldagent.proposing.symbolic.moves.base import Subject
from sldagent.proposing.symbolic.setting import Setting
from sldagent.task import Role, Task

NUMPY = {
    "ln": np.log,
    "exp": np.exp,
    "tanh": np.tanh,
    "lesser": np.minimum,
    "greater": np.maximum,
}


def setting_for(roles: tuple[Role, ...], signed: bool, room: int = 30) -> Setting:
    x = features(roles)
    features_of = Features.of(roles, signed=signed)
    names = tuple(f"x{i}" for i in range(len(roles)))
    return Setting(features_of, room, not signed, plain_units(x, roles), names, ("y",))


def check(form: Form, setting: Setting) -> None:
    """A form that a search can use."""
    law = form.law
    present = set(names_in(read_formula(law.formula)))
    assert set(law.names) <= present <= set(law.names) | {slot.symbol for slot in law.slots}
    assert 0 < len(law.amplitudes) <= len(law.parameters) <= setting.room
    space: dict = {}
    text = write(form, setting.feature_names, setting.target_names)
    exec(compile(text, "program", "exec"), space)
    roles = tuple(s.role for s in sorted(setting.features.slots, key=lambda s: s.column))
    x = features(roles)
    for seed in range(2):
        predicted = space["scaling_law_func"](x, truth(law, seed))
        assert predicted.shape == (len(x),)
        assert np.isfinite(predicted).all(), law.formula


@pytest.mark.parametrize("signed", [False, True])
def test_expansion_is_the_law(signed: bool) -> None:
    """The law lies in the span of what its expansion's amplitudes multiply."""
    for roles, law in one_law_a_family(signed=signed):
        table = Features.of(roles, signed=signed)
        expansion = expand(law, table)
        values = truth(law, 0)
        setting = setting_for(roles, signed)
        u = setting.units.apply(features(roles))
        space = NUMPY | {s.symbol: u[:, s.column] for s in table.slots}
        shapes = dict(zip([p.name for p in law.shapes], values[len(law.amplitudes) :], strict=True))
        space |= shapes | {f"{name}_90": value for name, value in shapes.items()}
        common = "*".join(["1", *expansion.common])
        phi = [
            np.broadcast_to(eval(f"({t.text})*{common}", space), len(u)) for t in expansion.terms
        ]
        y = law.evaluate(u, values)
        basis = np.stack(phi, axis=1)
        scale = np.abs(basis).max(axis=0)
        fitted = basis / scale @ np.linalg.lstsq(basis / scale, y, rcond=None)[0]
        assert len(expansion.terms) == len(law.amplitudes)
        np.testing.assert_allclose(fitted, y, rtol=1e-7, atol=1e-9 * np.abs(y).max())


@pytest.mark.parametrize("name", MOVES)
def test_moves_keep_the_invariants(name: str) -> None:
    made = 0
    for i, (roles, law) in enumerate(one_law_a_family(signed=False)):
        setting = setting_for(roles, False)
        table = tuple(s.role for s in sorted(setting.features.slots, key=lambda s: s.column))
        mates = applicable(table, limit=setting.room)
        for seed in range(2):
            rng = np.random.default_rng([i, seed])
            mate = mates[int(rng.integers(len(mates)))]
            subject = Subject(setting.form(law), (setting.form(mate),), setting)
            result = MOVES[name](subject, rng)
            if result is None:
                continue
            made += 1
            check(result.form, setting)
            assert result.change
            assert "_9" not in result.change
            if made % 40 == 1:
                compiled(result.form.law)
    # Every kind of move finds something to do, but for those that need numbers in place of shapes.
    assert made > 0 or name in ("free exponent", "unshare exponents", "cross fit")


def test_chains_of_moves_keep_the_invariants() -> None:
    """Moves on moved forms, signed targets, small rooms."""
    for kind, roles in ROLES.items():
        for signed in (False, True):
            setting = setting_for(roles, signed, room=6)
            rng = np.random.default_rng(len(kind))
            form = setting.grown(rng)
            while form is None:
                form = setting.grown(rng)
            for step in range(40):
                name = list(MOVES)[int(rng.integers(len(MOVES)))]
                mate = setting.grown(rng)
                made = MOVES[name](Subject(form, (mate,) if mate else (), setting), rng)
                if made is None:
                    continue
                form = made.form
                if step % 4 == 0:
                    check(form, setting)
            again = read(write(form, setting.feature_names, ("y",)), len(roles))
            assert again is not None
            assert setting.structure(again.law) == setting.structure(form.law)


def test_all_roles_have_ingredients() -> None:
    for role in Role:
        table = Features.of((role, role), signed=False)
        rng = np.random.default_rng(0)
        made = [maker(table, rng) for maker in INGREDIENTS for _ in range(5)]
        assert len({m.text for m in made if m is not None}) >= 3, role


def test_amplitudes_keep_the_sign_that_families_give() -> None:
    for signed in (False, True):
        setting = setting_for((Role.SIZE, Role.DATA), signed)
        rng = np.random.default_rng(0)
        forms = [f for f in (setting.grown(rng) for _ in range(60)) if f is not None]
        for form in forms:
            for term in expand(form.law, setting.features).terms:
                power = not any(w in term.text for w in ("ln", "tanh", "exp"))
                if power:
                    assert (term.amplitude.lower == 0) is not signed, form.law.formula


# -- single moves ----------------------------------------------------------------------------------


def moved(name: str, law: Law, roles: tuple[Role, ...], wanted: str, room: int = 30) -> Law:
    """The law of that formula that a move makes; fails where none of many tries makes it."""
    setting = setting_for(roles, False, room)
    seen = set()
    for seed in range(200):
        result = MOVES[name](Subject(setting.form(law), (), setting), np.random.default_rng(seed))
        if result is not None:
            seen.add(result.form.law.formula)
            if result.form.law.formula == wanted:
                return result.form.law
    raise AssertionError(f"{wanted} is not in {sorted(seen)}")


TWO = (Role.SIZE, Role.DATA)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("drop term", "E + A * N**(-a_N)"),
        ("floor", "A * N**(-a_N) + B * D**(-a_D)"),
        ("share exponents", "E + A * N**(-a_N) + B * D**(-a_N)"),
        ("fix exponent", "E + A * N**(-(1 / 3)) + B * D**(-a_D)"),
        ("couple", "E + A * N**(-a_N) * D**(-a_D) + B * D**(-a_D_2)"),
        ("join terms", "E + A * N**(-a_N) * D**(-a_D)"),
        ("generalised mean", "E + A * (N**(-a_N) + R * D**(-a_D))**k"),
        ("interaction", "E + A * N**(-a_N) * exp(-c * ln(N) * ln(D)) + B * D**(-a_D)"),
        ("transform feature", "E + A * (N + d)**(-alpha) + B * D**(-a_D)"),
        ("power to logarithm", "E + A * N**(-a_N) + B * ln(D)"),
        ("saturate power", "E + A / (N**a_N + k) + B * D**(-a_D)"),
        ("drift", "(E + A * N**(-a_N) + B * D**(-a_D)) * D**a_D_2"),
        ("exponentiate", "A * exp(p * N**(-a_N) + p_2 * D**(-a_D))"),
    ],
)
def test_what_a_move_makes_of_chinchilla(name: str, wanted: str) -> None:
    moved(name, find("chinchilla", TWO), TWO, wanted)


def test_shared_and_fixed_exponents_can_be_freed() -> None:
    law = moved(
        "share exponents", find("chinchilla", TWO), TWO, "E + A * N**(-a_N) + B * D**(-a_N)"
    )
    moved("unshare exponents", law, TWO, "E + A * N**(-a_N) + B * D**(-a_D)")
    law = moved("fix exponent", find("product", TWO), TWO, "E + A * N**(-1)")
    moved("free exponent", law, TWO, "E + A * N**(-a_N)")


def test_no_exponent_follows_what_it_raises() -> None:
    setting, seen = setting_for(TWO, False), set()
    for law in (find("chinchilla", TWO), find("product", TWO), find("saturating", TWO)):
        for seed in range(60):
            subject = Subject(setting.form(law), (), setting)
            made = MOVES["follow"](subject, np.random.default_rng(seed))
            if made is not None:
                seen.add(made.form.law.formula)
                again = Subject(made.form, (), setting)
                more = MOVES["follow"](again, np.random.default_rng(seed))
                seen |= {more.form.law.formula} if more else set()
    towers = [f for f in seen if re.search(r"\b([ND])\*\*\(-?\(?\w+ \* \1\*\*", f)]
    assert len(seen) > 5
    assert towers == []


def test_tokens_become_effective_where_there_are_unique_ones() -> None:
    roles = (Role.UNIQUE_DATA, *TWO)
    worth = "(lesser(D, U) + U * R_D * (1 - exp(-(greater(D / U, 1) - 1) / R_D)))"
    law = find("chinchilla", roles)
    moved("transform feature", law, roles, f"E + A * N**(-a_N) + B * {worth}**(-beta)")


def test_terms_that_are_equal_become_one() -> None:
    slot = (Slot("N", Role.SIZE, 0),)
    twice = Law(
        "x(N)",
        "A*N**(-a) + B*N**(-a)",
        slot,
        (amplitude("A"), amplitude("B"), shape("a", 0.1, 1.0)),
        "",
    )
    table = Features.of((Role.SIZE,), signed=False)
    law = collapse(expand(twice, table), table, "")
    assert law is not None
    assert law.formula == "A * N**(-a_N)"
    assert law.names == ("A", "a_N")


def test_a_law_says_where_it_comes_from() -> None:
    law = moved("drop term", find("chinchilla", TWO), TWO, "E + A * N**(-a_N)")
    assert law.source.startswith("derived from Hoffmann et al. 2022")
    assert law.name == "evolved(N)"
    law = moved("couple", law, TWO, "E + A * N**(-a_N) * D**(-a_D)")
    assert law.source.startswith("derived from Hoffmann et al. 2022")


def test_the_setting_reads_only_roles_limit_and_targets() -> None:
    task, table = problem("mixture")
    setting = Setting.of(task, table)
    assert setting.room == 7
    assert setting.positive
    assert isinstance(task, Task)
    task, table = problem("logged", signed=True)
    assert {o.name for o in Setting.of(task, table).objectives} == {"squared", "soft_l1"}


@pytest.mark.parametrize("link", list(Link))
def test_no_power_in_a_logarithm_grows_faster_than_its_base(link: Link) -> None:
    setting = setting_for((Role.COUNT,), False).linked(link)
    law = find("signed product", (Role.COUNT,))
    form, lowest = setting.form(law), 0.0
    for seed in range(200):
        made = MOVES["box"](Subject(form, (), setting), np.random.default_rng(seed))
        if made is not None and "widen" in made.change:
            form = made.form
            lowest = min(lowest, *(p.lower for p in form.law.shapes))
    assert lowest == -1 if link is not Link.IDENTITY else lowest < -10
