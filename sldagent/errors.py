"""Errors that end a command: one line that says what, where and what to do.

A bad candidate is no error: its failure is a value, `candidate.Status`.
"""


class SldagentError(Exception):
    """The run failed or its target was not met; exit code 1."""

    exit_code = 1


class UsageError(SldagentError):
    """A command, task, table or configuration is wrong; exit code 2."""

    exit_code = 2


class TaskError(UsageError):
    """A task file is wrong or no such task exists."""


class DataError(UsageError):
    """A table does not fit its task; the message names file, row and column."""


class ProgramError(UsageError):
    """A program's source cannot be read or lacks its EVOLVE-BLOCK."""


class PrerequisiteError(SldagentError):
    """Something that the machine must offer is missing (data, sandbox, key); exit code 3."""

    exit_code = 3


class SandboxError(PrerequisiteError):
    """The sandbox itself is broken or absent: stops a run, and never counts against a candidate."""


class SourceWarning(UserWarning):
    """Another source than the usual one was taken, or one left out; one line: which and why."""


class BudgetError(SldagentError):
    """The budget ended before there was any valid candidate; exit code 4."""

    exit_code = 4
