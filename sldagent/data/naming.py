"""What the name of a column says that it holds, in the words of papers and trackers."""

import re
from dataclasses import dataclass
from enum import StrEnum

from sldagent.scales import CAN_BE_ZERO
from sldagent.task import Role


class Meaning(StrEnum):
    """What a column is to a table of runs."""

    CAUSE = "cause"  # what a law may read; has a role
    DERIVED = "derived"  # a cause that others usually determine, such as compute
    STEP = "step"  # how far a run had come
    RESULT = "result"  # what a run gave
    RUN = "run"  # tells runs apart
    LABEL = "label"  # names something; what, its values tell
    SEED = "seed"
    STATE = "state"  # whether a run finished
    CLOCK = "clock"  # when, and how long
    NOTE = "note"  # for people, or of the machine


@dataclass(frozen=True, slots=True)
class NameGuess:
    """What a name says; `role` for causes, `unit` where the name tells."""

    meaning: Meaning
    role: Role | None = None
    unit: str = ""


# What a sampler or a solver takes is no progress of a run.
_SOLVER_STEPS = r"(?:inference|sampling|sampler|denois\w+|diffusion|solver|search) steps?"
# Columns that say yes of a run that came to nothing.
_FAILED = r"^(?:is |has |run )?(?:diverged|crashed|failed|oom|timed out)$"
# What steps are called that say how far a run had come; any other word makes them something that
# was planned, as rounds of reasoning are.
_STEP = r"(?:steps?|iterations?|iters?|updates?)"
_STEP_WORDS = (
    "n|num|number|of|no|total|max|global|current|cur|train|training|trainer|pretrain|pretraining|"
    "finetune|finetuning|ft|sft|optim|optimi[sz]er|gradient|grad|sgd|adam|model|env|environment|"
    "rl|ppo|grpo|policy|learner|actor|log|logged|summary|ckpt|checkpoint|count|idx|index|k|m|b"
)
# What a model that is no neural network is made of.
_PARTS = (
    r"feats?|features|latents?|codebook|centroids?|clusters?|components?|buckets?|neurons|trees"
    r"|estimators"
)
_NODES = "^(?:n|num|number of|total|compute|slurm)? ?nodes?$"  # of a cluster, or of graphs
_FILES = "model|ckpt|checkpoint|file|weights?|table|embeddings?|index"
_SPREADS = "sd|std|sem|se|stderr|var|variance|ci"
# In order: the first that is found in the name's words, with blanks between, decides.
_PATTERNS = [
    (re.compile(rf"\b(?:{pattern})\b"), meaning, role)
    for meaning, role, pattern in (
        (Meaning.NOTE, None, r"per (?:sec(?:ond)?s?|s|it)|[tqrf]ps"),
        (Meaning.CAUSE, Role.COUNT, _SOLVER_STEPS),
        (Meaning.CLOCK, None, r"date|datetime|timestamp|created|updated|days ago"),
        (
            Meaning.RESULT,
            None,
            r"p(?:50|90|95|99|999)|misses|dead|efficiency|speed ?up|errors|retransmits?|retries",
        ),
        (Meaning.RESULT, None, rf"(?:early stop|stop|stopped|stopping|converged|last) {_STEP}"),
        (Meaning.CAUSE, Role.COUNT, r"rtt|delay"),  # of a network, as it was set
        # Recorded, not taken by a run.
        (
            Meaning.CAUSE,
            Role.DATA,
            r"(?:driving|driven|audio|speech|video|recording|recorded|flight|flown|robot|play|demo"
            r"|footage|transcribed|labell?ed|dataset) (?:hrs?|hours?|mins?|minutes|days|km|miles)",
        ),
        # If planned, as a budget: the hours that a search may take.
        (
            Meaning.CLOCK,
            Role.DATA,
            r"walltime|wall clock|(?<!test |lead )time(?! steps?| tokens?)|runtime|elapsed|latency"
            r"|(?:gpu|tpu|cpu|core|node|accelerator|device) (?:h|hrs?|hours?|days?|secs?|seconds?)",
        ),
        # If planned: of speech, of weather, ahead.
        (Meaning.CLOCK, Role.DATA, r"duration|seconds|secs|minutes|hours|years?|lead time"),
        (
            Meaning.CLOCK,
            Role.DATA,
            r"wall|[a-z]{2,} (?:s|secs?|ms)$"
            r"|(?:fit|train|training|eval|run|step|total) (?:mins?|h|hrs?)$",
        ),
        (Meaning.CAUSE, Role.LOGGED, r"^(?:log|ln|log10|log2|logn|logd|logc)"),
        (
            Meaning.NOTE,
            None,
            r"grad norm|mfu|throughput|(?:memory|mem|rss|vram)(?! tokens?| size| slots?)",
        ),
        (
            Meaning.NOTE,
            None,
            rf"n?gpus?|n?tpus?|n?devices?|{_NODES}",
        ),
        (
            Meaning.NOTE,
            None,
            r"^(?:\w+ )?(?:cpu|core|socket|numa)$|host(?:name)?|loss scale|version|commit|sweep",
        ),
        (Meaning.NOTE, None, r"costs?(?! per)|prices?|usd|dollars?|eur|euros?|git(?! hub)"),
        (Meaning.NOTE, None, r"notes?|comments?|tags?|(?:user|author|url|link|(?<!drop )path)$"),
        (Meaning.RESULT, None, r"loss|losses|ppl|perplexity|acc|accuracy|error|err|nll|bpb|bpc"),
        (Meaning.RESULT, None, r"scores?|f1|bleu|rouge|auc|brier|reward|em|r2|mse|rmse|mae"),
        (Meaning.RESULT, None, r"s?mape|mase|wape|crps|(?:resp(?:onse)?|output|gen) len(?:gth)?"),
        (Meaning.RESULT, None, r"exact match|cross entropy|xent|win rate|elo|(?:pass|hr) [0-9]+"),
        (Meaning.RESULT, None, r"top ?[15]|recall|ndcg|mrr|map|ap ?[0-9]*|m?iou|s?fid|^is$"),
        (Meaning.RESULT, None, r"wer|cer|ter|chrf|meteor|cider|psnr|ssim|lpips|spearman|pearson"),
        (
            Meaning.RESULT,
            None,
            r"hella ?swag|piqa|mmlu(?: pro)?|wino ?grande|bool ?q|open ?book ?qa|obqa|lambada"
            r"|trivia ?qa|gsm ?8 ?k|sciq|human ?eval|mbpp|truthful ?qa|if ?eval|bbh|gpqa|mu ?sr"
            r"|arc(?: (?:easy|challenge|[ec]))?|super ?glue|glue|squad|mt ?bench|alpaca ?eval",
        ),
        # Counts of what went well, and what only comparing or repeating runs can give.
        (Meaning.RESULT, None, r"success(?:es)?|failures|wins|solved|correct|miss rate"),
        (
            Meaning.RESULT,
            None,
            r"(?:gen(?:erali[sz]ation)?|train test|train val) gap|(?:min )?[fa]de",
        ),
        (
            Meaning.RESULT,
            None,
            r"^(?:σ|std|sd|sem|stderr) (?:\w+ )*(?:val|test|train|loss|acc|err)\w*",
        ),
        (Meaning.RESULT, None, r"mcc|roc|auroc|returns?|regret|success(?: rate)?|rmsd"),
        (Meaning.RESULT, None, rf"(?:val|valid|validation|dev|test|eval|train) (?:{_SPREADS})$"),
        (Meaning.NOTE, None, r"^best(?! of)"),  # found after the fact
        (
            Meaning.SEED,
            None,
            r"seeds?|rng|random state"
            r"|(?:trial|reps?|replicas?|replicates?|repetition|folds?)(?: (?:id|idx|no|num))?$",
        ),
        (Meaning.STATE, None, rf"^(?:run )?(?:state|status)$|{_FAILED}"),
        (Meaning.RUN, None, r"unnamed(?: 0)?|(?:index|idx|row)$"),
        (Meaning.RUN, None, r"(?:run|exp|job)(?:s|id)?|experiment|uid|uuid|hash$|^(?:id|name)$"),
        (Meaning.LABEL, None, r"(?:openml|task|data|dataset|model)?id|name"),
        (Meaning.DERIVED, Role.DATA, r"(?:\w+ per|(?:tok(?:en)?s?|data) to) (?:param|model)\w*"),
        (Meaning.CAUSE, Role.UNIQUE_DATA, r"(?:unique|uniq|distinct)(?: \w+)*|u|u d|d u"),
        (Meaning.CAUSE, Role.FRACTION, r"frac|fractions?|shares?|proportions?|prop|ratio|pct"),
        (Meaning.CAUSE, Role.FRACTION, r"percent|percentage|mix|mixture|dropout|sparsity"),
        (Meaning.CAUSE, Role.BATCH, r"batch(?:size)?|bsz|bs|gbs|mbs|tokens per (?:batch|step)"),
        (Meaning.DERIVED, Role.SIZE, rf"^(?:(?:{_FILES}) )?(?:size|disk|footprint) [kmgt]i?b$"),
        (Meaning.CAUSE, Role.SIZE, r"n?params?|parameters?|non ?emb(?:edding)?"),
        (Meaning.CAUSE, Role.DATA, r"(?:lr|learning rate) (?:sum|cumsum|area)|(?:sum|cum) lr"),
        (Meaning.CAUSE, Role.RATE, r"lr|learning ?rate|eta|weight decay|wd|step size"),
        (Meaning.CAUSE, Role.COUNT, r"vocab(?:ulary)?|experts?|heads?|layers?|depth|width|hidden"),
        (Meaning.CAUSE, Role.COUNT, r"d (?:model|ff)|dim|embd|streams?|parallel|top k|epochs?"),
        (Meaning.CAUSE, Role.COUNT, rf"bits|noise|sigma|{_PARTS}"),
        (
            Meaning.CAUSE,
            Role.COUNT,
            r"seq(?:uence)? len(?:gth)?|context(?: len(?:gth)?)?|ctx|warmup",
        ),
        (Meaning.DERIVED, Role.DATA, r"(?:[mgtpez]|giga|tera|peta|exa|zetta)?flops?|macs"),
        (Meaning.DERIVED, Role.DATA, r"compute|pf days?|^c$"),
        (Meaning.STEP, Role.DATA, rf"^(?:(?:{_STEP_WORDS}) )*{_STEP}(?: (?:{_STEP_WORDS}))*$"),
        (Meaning.CAUSE, Role.COUNT, _STEP),
        (
            Meaning.CAUSE,
            Role.DATA,
            r"tokens?|toks?|data(?:set)?(?: size)?|examples?|samples?|characters?",
        ),
        (Meaning.CAUSE, Role.DATA, r"images|imgs|videos|frames|pairs|clips|demos|demonstrations"),
        (
            Meaning.CAUSE,
            Role.DATA,
            r"molecules|graphs|users|items|interactions|impressions|clicks|seqs",
        ),
        (Meaning.CAUSE, Role.DATA, r"episodes?|trajectories|transitions|labels|shots|prompts"),
        (Meaning.CAUSE, Role.DATA, r"chars|bytes|documents?|docs|sequences|train size|n ?train"),
        (Meaning.CAUSE, Role.DATA, r"rows|points|pts|obs|observations|ratings|snippets|patches"),
        (Meaning.CAUSE, Role.DATA, r"instances|rounds|sweeps|elements|elems|keys|entries"),
        (Meaning.CAUSE, Role.DATA, r"^d$|(?:un)?labell?ed|audio|speech"),
        # How far a policy has come from its first one, by which over-optimisation is measured.
        (Meaning.CAUSE, Role.DATA, r"kl(?! (?:coef|coeff|coefficient|penalty|weight|beta|target))"),
        (Meaning.CAUSE, Role.SIZE, r"model|sizes?|^n$|weights"),
    )
]
_THOUSANDS = {
    "k": "thousands", "thousands": "thousands", "m": "millions", "millions": "millions",
    "b": "billions", "bn": "billions", "billions": "billions", "t": "trillions",
    "thousand": "thousands", "million": "millions", "mio": "millions", "billion": "billions",
    "trillion": "trillions", "trillions": "trillions", "1e3": "thousands", "1e6": "millions",
    "1e9": "billions", "1e12": "trillions", "x1e3": "thousands", "x1e6": "millions",
    "x1e9": "billions", "x1e12": "trillions",
}  # fmt: skip
_COUNTED = {
    "token": "tokens", "char": "characters", "example": "examples", "sample": "examples",
    "byte": "bytes", "doc": "documents", "sequence": "sequences",
}  # fmt: skip
_FALLING = re.compile(
    r"\b(?:loss|losses|ppl|perplexity|nll|bp[bc]|cross entropy|xent|err|error|r?mse|mae|[wc]er)\b"
)
_RISING = re.compile(
    r"acc|recall|precision|success|reward|bleu|rouge|solved|\b(?:scores?|returns?|f1|auc|auroc|map"
    r"|m?iou|ndcg|mrr|elo|wins?|psnr|ssim|r2|em|passe?[sd]?|mmlu|hellaswag|gsm8k|humaneval)\b"
)
_KINDS_OF_SIZE = ("active", "activated", "total", "dense", "base", "encoder", "decoder", "backbone")
_SHAPE = re.compile(
    rf"\b(?:{_PARTS}|heads?|layers?|depth|width|hidden|d (?:model|ff)|dim|embd|rank)\b"
)
_MACHINES = re.compile(
    r"^(?:n|num|number of|total)? ?(?:gpus?|tpus?|devices?|nodes?|cores?|threads?|ranks?|workers?)$"
)
_BRACKETED = re.compile(r"[(\[{]\s*\w\s*[)\]}]\s*$")
_COUNTS = re.compile(r"(?:params|parameters|tokens|examples|samples)$")
_HARDWARE = re.compile(r"\b(?:gpus?|tpus?|cpus?|devices?|hardware|accelerators?|chips?|boards?)\b")
_COST = re.compile(
    r"\b(?:steps?|iter(?:ation)?s?|updates?|epochs?|rounds|eval(?:uation)?s?|queries|throughput"
    r"|memory|mem|vram|rss|(?:[kmgt]?flops?)|(?:samples?|examples?|tokens?) (?:to|until|needed))\b"
)
_ENERGY = re.compile(
    r"\b(?:energy|joules?|j|power|watts?|k?wh|latency|lat|[num]?s per|bandwidth)\b"
)
_OPTIMUM = re.compile(r"\b(?:opt|optimal|optimum|best|argmin|argmax|star)\b")
_LOGARITHMS = {"log10": "log10", "log2": "log2"}


def words_of(name: str) -> list[str]:
    """The words in a name: `nonEmbedding_params(M)` is non, embedding, params, m."""
    rate = re.sub(r"/(?=(?:s|sec|secs|second|it)\b)", " per ", name)
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", " ", rate)
    return [word.lower() for word in re.split(r"[^A-Za-z0-9]+", parted) if word]


def guess_by_name(name: str) -> NameGuess | None:
    """What the name of a column says; None where it says nothing."""
    if "@" in name:  # recall@10, P@L
        return NameGuess(Meaning.RESULT)
    words, multiple = words_of(name), multiple_by_name(name)
    text = " ".join(words[:-1] if multiple else words)
    if multiple and text in _KINDS_OF_SIZE:
        return NameGuess(Meaning.CAUSE, Role.SIZE, f"{multiple} of parameters")
    found = _first(text)
    if found is None:
        return None
    meaning, role = found
    unit = _unit(text, role)
    if multiple and role in (Role.SIZE, Role.DATA, Role.UNIQUE_DATA):
        unit = f"{multiple} of {unit}" if unit else multiple
    return NameGuess(meaning, role, unit)


def _first(text: str) -> tuple[Meaning, Role | None] | None:
    """What the first pattern says that is found in a name's words; of what is counted, a cause."""
    counted = _COUNTS.search(text) is not None
    for pattern, meaning, role in _PATTERNS:
        if pattern.search(text) and not (counted and role is None):
            return meaning, role
    return None


def multiple_by_name(name: str, counts: bool = False) -> str:
    """In what a column counts by the end of its name, `millions` of `params_M`; often nothing.

    A letter alone is one in brackets or after what can be counted, as everything is of which a user
    says that it `counts`: `top_k` counts no thousands.
    """
    *words, last = words_of(name) or [""]
    multiple = _THOUSANDS.get(last, "") if words else ""
    if len(last) > 1 or not multiple or counts or _BRACKETED.search(name):
        return multiple
    text = " ".join(words)
    known = text in _KINDS_OF_SIZE or words[0] in ("n", "num", "number")
    found = _first(text)
    return multiple if known or (found is not None and found[1] is not None) else ""


def is_clock(name: str) -> bool:
    """Whether a name says that the column holds times."""
    guess = guess_by_name(name)
    return guess is not None and guess.meaning is Meaning.CLOCK


def can_be_none(name: str, role: Role | None) -> bool:
    """Whether zero is an amount like others: of data, but not of steps or of what was spent."""
    guess = guess_by_name(name)
    spent = guess is not None and guess.meaning in (Meaning.STEP, Meaning.DERIVED)
    return role in CAN_BE_ZERO and not spent


def counts_machines(name: str) -> bool:
    """Whether a column says on how many processors something ran, by its name."""
    return bool(_MACHINES.search(" ".join(words_of(name))))


def says_failed(name: str) -> bool:
    """Whether a column says of runs whether they diverged, crashed or the like."""
    return bool(re.search(_FAILED, " ".join(words_of(name))))


def names_hardware(name: str) -> bool:
    """Whether a column of labels says what something ran on, as a kind of processor."""
    return bool(_HARDWARE.search(" ".join(words_of(name))))


def is_cost(target: str) -> bool:
    """Whether a target is what something takes: a time, memory, an energy, steps until a goal."""
    return depends_on_hardware(target) or bool(_COST.search(" ".join(words_of(target))))


def depends_on_hardware(target: str) -> bool:
    """Whether a target is a time, a rate or an energy."""
    return is_time(target) or bool(_ENERGY.search(" ".join(words_of(target))))


def may_be_a_graphs(name: str) -> bool:
    """Whether a column counts nodes, which a cluster has, a graph or a layer."""
    return bool(re.search(_NODES, " ".join(words_of(name))))


def is_found(name: str, target: str) -> bool:
    """Whether a column is what a sweep found, as the target is: an optimum beside another."""
    return all(_OPTIMUM.search(" ".join(words_of(each))) for each in (name, target))


def is_time(name: str) -> bool:
    """Whether a target is a time or a rate, which the number of processors has a bearing on."""
    text = " ".join(words_of(name))
    return is_clock(name) or bool(
        re.search(r"\b(?:per (?:sec(?:ond)?s?|s|step)|speed ?up)\b", text)
    )


def is_step(name: str) -> bool:
    """Whether a column says how far a run had come."""
    guess = guess_by_name(name)
    return guess is not None and guess.meaning is Meaning.STEP


def is_shape(name: str) -> bool:
    """Whether a count says how large a model is, such as its width."""
    return bool(_SHAPE.search(" ".join(words_of(name))))


def is_derived(name: str) -> bool:
    """Whether a column is compute, or something else that size and data make up."""
    guess = guess_by_name(name)
    return guess is not None and guess.meaning is Meaning.DERIVED


def counts_active(name: str) -> bool:
    """Whether a column is what a mixture of experts uses at once."""
    return bool({"active", "activated"} & set(words_of(name)))


def counts_parameters(name: str) -> bool:
    """Whether a size is a number of parameters for certain, and no `model` or `size`."""
    return bool(re.search(r"param|\bn\b|non ?emb", " ".join(words_of(name))))


def rises_by_name(name: str) -> bool:
    """Whether better runs have more of it, such as an accuracy, so that none diverges upwards."""
    return bool(_RISING.search(" ".join(words_of(name)))) and not falls_by_name(name)


def falls_by_name(name: str) -> bool:
    """Whether better runs have less of it, such as the loss that is aimed at."""
    return bool(_FALLING.search(" ".join(words_of(name))))


def _unit(text: str, role: Role | None) -> str:
    if role is Role.SIZE:
        return "parameters"
    if role is Role.FRACTION:
        return "share"
    if role is Role.LOGGED:
        return _LOGARITHMS.get(text.split()[0], "")
    if multiple := re.search(r"\b(\w*)flops?\b", text):
        return f"{multiple[1][:1].upper()}FLOPs"
    if role in (Role.DATA, Role.UNIQUE_DATA):
        return next((unit for word, unit in _COUNTED.items() if word in text), "")
    return ""
