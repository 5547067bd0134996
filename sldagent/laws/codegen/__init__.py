"""Laws as programs that a person would have written, and back."""

from sldagent.laws.codegen.form import Form, Link
from sldagent.laws.codegen.grammar import GrammarError
from sldagent.laws.codegen.plain import plain_units, row_weights
from sldagent.laws.codegen.reading import read
from sldagent.laws.codegen.writing import write

__all__ = ["Form", "GrammarError", "Link", "plain_units", "read", "row_weights", "write"]
