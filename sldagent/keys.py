"""Keys in the environment: this process may use them, its children never see them."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL", re.IGNORECASE)
_OWN = ("RAY_", "HF_", "HUGGINGFACE_")  # what Ray and the hub's reader themselves need


def is_key(name: str) -> bool:
    """Whether an environment variable of this name may hold a key."""
    return bool(_SECRET.search(name)) and not name.startswith(_OWN)


def without_keys(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for a child process."""
    return {name: value for name, value in environment.items() if not is_key(name)}


@contextmanager
def hidden_keys() -> Iterator[None]:
    """Keeps keys out of the environment of every process that is started meanwhile."""
    kept = {name: value for name, value in os.environ.items() if is_key(name)}
    for name in kept:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(kept)
