"""Every command says what it does, and `--help` loads nothing heavy."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from sldagent.cli import _COMMANDS, cli

HEAVY = {
    "huggingface_hub",
    "jax",
    "ray",
    "scipy",
    "sympy",
    "sqlalchemy",
    "openai",
    "matplotlib",
    "pandas",
    "numpy",
    "rich",
}


@pytest.mark.parametrize("name", sorted(_COMMANDS))
def test_every_command_has_help_that_starts_like_its_line_in_the_overview(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.help is not None
    assert " ".join(command.help.split()).startswith(_COMMANDS[name][1].rstrip("."))


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom sldagent.cli import cli\n"
        "try:\n    cli.main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print('LOADED', sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "LOADED []" in result.stderr


def test_unknown_commands_and_options_are_usage_errors() -> None:
    for args in (["nonsense"], ["evolve", "--nonsense"], ["evaluate"]):
        result = subprocess.run(
            [sys.executable, "-m", "sldagent", *args], capture_output=True, text=True
        )
        assert result.returncode == 2
        assert result.stdout == ""
