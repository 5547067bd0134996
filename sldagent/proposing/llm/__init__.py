"""A language model rewrites the EVOLVE-BLOCK; symbolic mutation works beside it."""

from sldagent.proposing.llm.budget import Budget, BudgetLimits, Spent
from sldagent.proposing.llm.client import Client
from sldagent.proposing.llm.mixed import MixedProposer
from sldagent.proposing.llm.models import ModelSpec, parse_model
from sldagent.proposing.llm.prompts import Prompts
from sldagent.proposing.llm.proposer import LLMProposer

__all__ = [
    "Budget",
    "BudgetLimits",
    "Client",
    "LLMProposer",
    "MixedProposer",
    "ModelSpec",
    "Prompts",
    "Spent",
    "parse_model",
]
