"""The real command line, as tests call it."""

import subprocess
import sys
from pathlib import Path

COMMAND = [sys.executable, "-m", "sldagent"]


def sldagent(
    *args: str, cwd: Path, env: dict[str, str] | None, timeout: float = 200
) -> subprocess.CompletedProcess[str]:
    """Runs the command line to its end."""
    return subprocess.run(
        [*COMMAND, *args], cwd=cwd, env=env, timeout=timeout, capture_output=True, text=True
    )
