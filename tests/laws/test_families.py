"""Families are written by role; published constants give the published numbers."""

import numpy as np
import pytest
from laws.synthetic import ROLE_SETS

from sldagent.errors import DataError
from sldagent.laws.expressions import Law, Slot, amplitude, compiled, shape
from sldagent.laws.families import applicable, find
from sldagent.laws.families.published import EPOCH, HOFFMANN, MUENNIGHOFF
from sldagent.task import Role


def test_datablations_oracle() -> None:
    """The value that the README of huggingface/datablations computes."""
    roles = (Role.UNIQUE_DATA, Role.SIZE, Role.DATA)
    law = find(MUENNIGHOFF.law, roles)
    values = [MUENNIGHOFF.values[name] for name in law.names]
    got = law.evaluate(np.array([[25e9, 6.34e9, 242e9]]), values)
    assert got[0] == pytest.approx(2.2256440889984477, rel=1e-14)


@pytest.mark.parametrize("given", [Role.UNIQUE_DATA, Role.DATA])
@pytest.mark.parametrize("family", ["effective_data", "drifting_tanh", "effective_both", "overfit"])
def test_epochs_say_what_all_data_beside_unique_ones_say(family: str, given: Role) -> None:
    total = find(family, (Role.UNIQUE_DATA, Role.SIZE, Role.DATA))
    epochs = find(family, (given, Role.SIZE, Role.COUNT))
    assert total.names == epochs.names
    values = np.linspace(0.4, 0.9, len(total.names))
    u, n, k = np.array([[0.3, 0.5, 1.0], [1.5, 2.0, 3.0], [0.9, 1.2, 40.0]]).T
    np.testing.assert_allclose(
        epochs.evaluate(np.stack([u, n, k], 1), values),
        total.evaluate(np.stack([u, n, u * k], 1), values),
        rtol=1e-12,
    )


@pytest.mark.parametrize("published", [HOFFMANN, EPOCH], ids=["hoffmann", "epoch"])
def test_chinchilla_constants_name_the_law_s_parameters(published) -> None:  # type: ignore[no-untyped-def]
    law = find(published.law, (Role.SIZE, Role.DATA))
    assert set(published.values) == set(law.names)
    loss = law.evaluate(np.array([[70e9, 1.4e12]]), [published.values[n] for n in law.names])
    by_hand = (
        published.values["E"]
        + published.values["A"] / 70e9 ** published.values["alpha"]
        + published.values["B"] / 1.4e12 ** published.values["beta"]
    )
    assert loss[0] == pytest.approx(by_hand, rel=1e-14)


@pytest.mark.parametrize("roles", ROLE_SETS, ids=lambda r: "-".join(r))
def test_names_are_unique_and_sources_given(roles: tuple[Role, ...]) -> None:
    laws = applicable(roles)
    names = [law.name for law in laws]
    assert len(set(names)) == len(names)
    assert all(law.source for law in laws)
    assert all(find(name, roles) is law for name, law in zip(names, laws, strict=True))


def test_column_order_changes_columns_only() -> None:
    one = applicable((Role.SIZE, Role.DATA))
    other = applicable((Role.DATA, Role.SIZE))
    assert [law.name for law in one] == [law.name for law in other]
    assert [law.formula for law in one] == [law.formula for law in other]
    assert find("chinchilla", (Role.DATA, None, Role.SIZE)).columns == (2, 0)


def test_limit_keeps_small_laws() -> None:
    laws = applicable((Role.SIZE, Role.DATA), limit=4)
    assert laws
    assert max(len(law.parameters) for law in laws) <= 4


def test_repeated_roles_are_numbered() -> None:
    names = {law.name for law in applicable((Role.DATA, Role.DATA))}
    assert "additive(D1,D2)" in names


def test_unknown_law_lists_the_families() -> None:
    with pytest.raises(DataError, match=r"no law 'chinchila'.*chinchilla"):
        find("chinchila", (Role.SIZE, Role.DATA))


def test_a_formula_must_be_linear_in_its_amplitudes() -> None:
    slot = (Slot("x", Role.DATA, 0),)
    bad = Law("bad(x)", "A*B*x", slot, (amplitude("A"), amplitude("B")), "none")
    with pytest.raises(ValueError, match="not linear"):
        compiled(bad)
    offset = Law("bad(x)", "A*x + a", slot, (amplitude("A"), shape("a", 0.0, 1.0)), "none")
    with pytest.raises(ValueError, match="not linear"):
        compiled(offset)


def test_many_features_have_few_laws() -> None:
    """Of sixteen counts there are 65,536 sets, and nobody would wait for the laws of all."""
    laws = applicable((Role.COUNT,) * 16)
    assert 16 < len(laws) < 500
    assert any(len(law.slots) == 16 for law in laws)


def test_few_parameters_are_enough_for_one_tuned_setting() -> None:
    """Ninety runs of three optimizers leave nine parameters a group."""
    roles = (Role.SIZE, Role.DATA, Role.RATE, Role.BATCH)
    names = {law.name for law in applicable(roles, limit=9)}
    assert {"valley(N,D,eta)", "valley(N,D,b)", "steady_valley(N,D,eta,b)"} <= names
    assert "valley(N,D,eta,b)" not in names
    assert find("valley", roles).name == "valley(N,D,eta,b)"
