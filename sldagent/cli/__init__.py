"""The command line: one module a noun, loaded when its command is used.

Results go to stdout, progress and diagnostics to stderr. Exit codes: 0 done, 1 failed or target not
met, 2 usage or configuration, 3 prerequisite missing, 4 budget ended before any valid candidate,
130 Ctrl-C, 143 SIGTERM.
"""

import atexit
import errno
import gc
import importlib
import json
import os
import signal
import sys
import warnings
from typing import Any

import click

from sldagent.errors import SldagentError, SourceWarning
from sldagent.garbage import seldom_collecting

# command -> (module, one line for the overview; the command's own help must start with it)
_COMMANDS = {
    "bench": ("sldagent.cli.bench", "Compare ways of searching over tasks and seeds."),
    "allocate": (
        "sldagent.cli.predict",
        "Split a budget between size and data, with learning rate and batch size where known.",
    ),
    "best": ("sldagent.cli.best", "Show a run's best program and how it was judged."),
    "doctor": ("sldagent.cli.doctor", "Say what this machine offers, with the remedy beside it."),
    "estimate": ("sldagent.cli.estimate", "Say what models would cost, as a table."),
    "evaluate": (
        "sldagent.cli.evaluate",
        "Judge one program, anybody's, and print one JSON object.",
    ),
    "evolve": ("sldagent.cli.evolve", "Search for a task's law."),
    "export": ("sldagent.cli.export", "Take a run's result along: law, benchmark files, plots."),
    "fit": ("sldagent.cli.fit", "Fit a law to a table, say how sure it is, and what it predicts."),
    "lineage": ("sldagent.cli.lineage", "Look at the candidates of a run."),
    "measure": ("sldagent.cli.measure", "Train the runs of a table of our own."),
    "predict": (
        "sldagent.cli.predict",
        "Predict at new points, and say where the doubt comes from.",
    ),
    "resume": ("sldagent.cli.evolve", "Go on with an interrupted run."),
    "runs": ("sldagent.cli.runs", "List, show, compare and remove runs."),
    "tasks": ("sldagent.cli.tasks", "List, show, check, fetch and make discovery tasks."),
}


class _LazyGroup(click.Group):
    """Imports a command's module only when it is called: `--help` stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(_COMMANDS[cmd_name][0])
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name][1]) for name in self.list_commands(ctx)])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sldagent", prog_name="sldagent")
@click.option("--debug", is_flag=True, envvar="SLDAGENT_DEBUG", help="Show tracebacks of errors.")
def cli(debug: bool) -> None:
    """Discover scaling laws from small training runs.

    \b
    sldagent evolve --task data_constrained --generations 50
    """  # noqa: D301 -- \b tells click to keep the lines as they are


def main() -> None:
    """Entry point: runs a command and turns errors into one line and an exit code."""
    atexit.register(gc.freeze)  # or all that was loaded is searched once more on the way out
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with seldom_collecting():
            _run()
    except SystemExit as end:
        # Ray has a handler of its own while it starts; it leaves with the signal's bare number.
        if end.code == signal.SIGTERM:
            sys.exit(143)
        raise


_show_usually = warnings.showwarning


def _show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
    """Shows our own warnings as one line, all others as usual."""
    if issubclass(category, SourceWarning):
        click.echo(f"warning: {message}", err=True)
    else:
        _show_usually(message, category, *where, **more)


def _run() -> None:
    warnings.showwarning = _show
    try:
        code = cli.main(standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("sldagent: interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of a pipe went away: nothing is wrong, nothing to say
        sys.exit(0)
    except OSError as error:
        if "--debug" in sys.argv:
            raise
        where = f": {error.filename}" if error.filename else ""
        if isinstance(error, FileNotFoundError) and not where:
            where = ": the working directory is gone"
        print(f"sldagent: {error.strerror or error}{where}", file=sys.stderr)
        if error.errno == errno.ENOSPC:  # what is still to be printed cannot be
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except SldagentError as error:
        if "--debug" in sys.argv:
            raise
        if "--json" in sys.argv:
            print(json.dumps({"error": str(error), "exit_code": error.exit_code}), file=sys.stderr)
        else:
            # A message may quote a user's table: nothing in it commands the terminal.
            words = "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in str(error))
            print(f"sldagent: {words}", file=sys.stderr)
        sys.exit(error.exit_code)
    sys.exit(code if isinstance(code, int) else 0)
