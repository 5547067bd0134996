"""A search for scaling laws with no model: programs of known families, and moves between laws."""

from sldagent.proposing.symbolic.proposer import SymbolicProposer
from sldagent.proposing.symbolic.seeding import plainest, seeds

__all__ = ["SymbolicProposer", "plainest", "seeds"]
