"""Every command says what it does, and `--help` loads nothing heavy."""

import re
import subprocess
import sys
from pathlib import Path

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


def test_the_readme_says_which_options_of_a_search_can_be_set_in_the_environment() -> None:
    command = cli.get_command(click.Context(cli), "evolve")
    assert command is not None
    typed = set()
    for option in command.params:
        name = option.opts[-1]
        if option.envvar is None:
            typed.add(name)
        else:
            assert option.envvar == "SLDAGENT_" + name.strip("-").replace("-", "_").upper()
    words = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    _, _, words = words.partition("`SLDAGENT_<OPTION>`")
    assert set(re.findall(r"`(--[a-z-]+)`", words.partition("\n\n")[0])) == typed


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


def test_what_the_system_refuses_is_one_line(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    listing = [sys.executable, "-m", "sldagent", "tasks", "list"]
    lost = f"import os, subprocess; os.rmdir(os.getcwd()); subprocess.run({listing!r})"
    with Path("/dev/full").open("w") as full:
        results = {
            "the working directory is gone": subprocess.run(
                [sys.executable, "-c", lost], cwd=gone, capture_output=True, text=True, check=False
            ),
            "No space left on device": subprocess.run(
                listing, stdout=full, stderr=-1, text=True, check=False
            ),
        }
    for words, done in results.items():
        assert done.stderr.startswith("sldagent: "), done.stderr
        assert done.stderr.count("\n") == 1
        assert words in done.stderr


def test_numbers_that_no_database_holds_are_usage_errors() -> None:
    for words in (["show", "run", str(2**63)], ["list", "run", "--since", str(2**63)]):
        result = CliRunner().invoke(cli, ["lineage", *words])
        assert result.exit_code == 2
        assert "is not in the range" in result.output
