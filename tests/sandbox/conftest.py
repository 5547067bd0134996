"""Fixtures of the sandbox's own tests."""

import pytest

pytest.register_assert_rewrite("contracts.sandbox_contract")


@pytest.fixture(scope="session")
def world():
    """What attacks aim at, and the control that runs them without a sandbox."""
    from contracts.sandbox_contract import World

    made = World()
    yield made
    made.close()
