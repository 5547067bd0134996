"""The sandboxes that this package opens: one judges programs, one finds their formulas.

Light to import, and a sandbox starts in the background: a command that opens its own first has the
sandbox ready when it has loaded everything else. Close it after use.
"""

from pathlib import Path
from types import ModuleType

from sldagent import evaluation, tracing
from sldagent.errors import SandboxError
from sldagent.sandbox.process import TemplateSandbox


def open_sandbox() -> TemplateSandbox:
    """A sandbox whose children run the evaluation harness."""
    return _open(evaluation)


def open_tracer() -> TemplateSandbox:
    """A sandbox whose children trace laws and run them."""
    return _open(tracing)


def _open(package: ModuleType) -> TemplateSandbox:
    # A harness is never imported here: it takes the interpreter over that it is loaded into.
    return TemplateSandbox(Path(str(package.__file__)).with_name("harness.py"))


def require_protection(sandbox: TemplateSandbox, unprotected: bool) -> None:
    """Refuses code of strangers where the kernel offers no protection and nobody consented.

    Raises:
        SandboxError: Neither Landlock nor seccomp can be used here.
    """
    if not unprotected and not sandbox.protection.holds_strangers:
        raise SandboxError(
            "this machine offers neither Landlock nor seccomp, so a program could do whatever you "
            "can; use Linux 5.13 or newer with libseccomp, or type --unprotected for code you trust"
        )
