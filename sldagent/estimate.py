"""What the models of a search would take, before anything is called."""

from typing import Any

from sldagent.driving import Plan
from sldagent.llmrun import load_templates, make_prompts, resolve_models
from sldagent.proposing.llm.bandit import MOST_SHARE, USUAL_SHARE
from sldagent.proposing.llm.budget import most_tokens
from sldagent.proposing.llm.models import ModelSpec
from sldagent.proposing.llm.prompts import KINDS, sample

# Bytes a token of English and code; tokenizers differ by a fifth.
_BYTES_PER_TOKEN = 3.5
_REPLY = {"rewrite": 900, "diff": 300, "crossover": 900, "reflection": 1000}
_REPAIRED = 0.1  # share of replies that cannot be used at once


def estimate_calls(plan: Plan) -> list[dict[str, Any]]:
    """For each model: calls, tokens in and out, dollars, and the most that they can be.

    Keys: model, calls (None where only the clock ends the search), input_tokens, output_tokens,
    usd, most_usd, priced, basis (of the price) and rests_on (what the numbers rest on, in words).
    """
    config = plan.config
    models = resolve_models(config)
    prompts = make_prompts(config, plan.task, plan.table, plan.cuts, load_templates(config.prompts))
    sources = sorted((start.program.source for start in plan.starts), key=len)
    source = sources[len(sources) // 2]
    sizes = {}
    for kind in KINDS:
        asked = prompts.ask(kind, sample(source, len(plan.cuts))) or ""
        sizes[kind] = len((prompts.system + asked).encode())
    tokens_in = sum(sizes.values()) / len(sizes) / _BYTES_PER_TOKEN * (1 + _REPAIRED)
    tokens_out = sum(_REPLY.values()) / len(_REPLY) * (1 + _REPAIRED)
    share, most_share = (1.0, 1.0) if config.proposer == "llm" else (USUAL_SHARE, MOST_SHARE)
    most = plan.most_evaluations
    proposals = None if most is None else most - len(plan.starts)
    weights = sum(model.weight for model in models)
    rests_on = (
        f"rests on: prompts of {min(sizes.values()):,} to {max(sizes.values()):,} bytes, as built "
        f"for a start program of {len(source):,} bytes, at {_BYTES_PER_TOKEN} bytes a token; "
        f"replies assumed of {min(_REPLY.values())} to {max(_REPLY.values())} tokens, more where "
        f"a model reasons; models write {share:.0%} of {proposals or 'the'} proposals; at most: "
        f"{most_share:.0%}, each repaired once, every byte a token, every reply of "
        f"{config.reply_tokens:,} tokens"
    )
    rows = []
    for model in models:
        calls = None if proposals is None else round(proposals * share * model.weight / weights)
        rows.append(
            {
                "model": model.name,
                "calls": None if calls is None else calls + 1,
                "input_tokens": None if calls is None else round(calls * tokens_in),
                "output_tokens": None if calls is None else round(calls * tokens_out),
                "usd": None
                if calls is None
                else _dollars(model, round(tokens_in), round(tokens_out), calls),
                "most_usd": _most(model, plan, prompts.system, proposals, most_share),
                "priced": model.priced,
                "basis": model.basis,
                "rests_on": rests_on,
            }
        )
    return rows


def _dollars(model: ModelSpec, tokens_in: int, tokens_out: int, calls: int) -> float | None:
    one = model.dollars(tokens_in, tokens_out)
    return None if one is None else one * calls


def _most(
    model: ModelSpec, plan: Plan, system: str, proposals: int | None, share: float
) -> float | None:
    """The most that the run can cost, were this its only model, and its budget."""
    config = plan.config
    bounds = [config.max_cost_usd] if config.max_cost_usd is not None else []
    tokens_in = most_tokens(system) + config.prompt_bytes
    one = model.dollars(2 * tokens_in, 2 * config.reply_tokens)
    if one is not None and proposals is not None:
        bounds.append(one * round(proposals * share))
    return min(bounds, default=None)
