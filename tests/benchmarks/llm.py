"""How well a search keeps models busy, and what its prompts take.

A made-up server on this machine answers from a script (see `contracts.scripted_server`), and
programs are judged by their hash, so that only the search itself is between two calls. Shown are:
the share of the ideal rate (calls in flight / latency) at 2 s a call with 16 in flight; the calls
of every island while one of four servers, which one island alone asks, is ten times slower; tokens
by kind of prompt of a run with default settings, counted as bytes / 4 by the server; and what
becomes of the replies of a model that writes known laws and blunders as models do: how many calls
bring a valid law that is new by what it predicts, what that takes, and what of it is owed to
tolerant reading and to repairs; and what exemplars and edits are worth to a model that works with
what it is shown: it changes a law by one step, or crosses it with another of the prompt's. These
programs are judged for real.

    PYTHONPATH=tests python tests/benchmarks/llm.py TRAIN.CSV [rate|slow|tokens|efficiency|shown]
"""

import os
import re
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import Path
from textwrap import indent
from typing import Any

import numpy as np
from contracts.scripted_runs import Driver, HashPool
from contracts.scripted_server import Script, ScriptedServer, law, parent_source, question
from proposing.symbolic_tasks import member

from sldagent import api, driving
from sldagent.api.judging import make_evaluator
from sldagent.candidate import Candidate, Evaluation
from sldagent.config import EvolveConfig
from sldagent.cuts import Cut
from sldagent.data.tables import read_table
from sldagent.insight import LawReader
from sldagent.laws.codegen import Form, plain_units, write
from sldagent.laws.families import applicable
from sldagent.laws.fitting import HUBER_LOG, SQUARED
from sldagent.program import Program
from sldagent.proposing.base import Request
from sldagent.proposing.llm.facts import Insight
from sldagent.proposing.symbolic import SymbolicProposer
from sldagent.run import Run
from sldagent.table import Table
from sldagent.task import Task

LATENCY, IN_FLIGHT = 2.0, 16
SLOWER = 10
SHOWN_SEEDS = 5


def answer(body: dict[str, Any], number: int) -> str:
    return f"Change: {number}\n```python\n{law(number)}```\n"


def evolve(folder: Path, table: Path, name: str, **settings: Any) -> Run:
    usual = {"proposer": "llm", "islands": 4, "offspring": 1, "lag": None, "migrate_every": 5}
    return Driver(folder, table).evolve(name, driving.Watch(), **{**usual, **settings})


def rate(folder: Path, table: Path) -> None:
    """Share of the ideal rate between the first answer and the last."""
    with ScriptedServer(Script(answer=answer, delay=LATENCY)) as server:
        began: list[float] = []
        ended: list[float] = []
        usual = server.serve

        def timed(handler: Any) -> None:
            began.append(time.monotonic())
            usual(handler)
            ended.append(time.monotonic())

        server.serve = timed  # type: ignore[method-assign]
        evolve(folder, table, "rate", models=("m",), base_url=server.url, generations=40)
    calls = len(began) - 1
    took = ended[-1] - began[1]
    ideal = calls * LATENCY / IN_FLIGHT
    print(f"rate: {calls} calls of {LATENCY:g} s, at most {server.most_in_flight} in flight, in "
          f"{took:.1f} s; the ideal is {ideal:.1f} s: {ideal / took:.1%}")  # fmt: skip


def slow(folder: Path, table: Path) -> None:
    """Calls by island until the slow island has finished, without migrations in between."""
    delay = 0.2
    servers = [
        ScriptedServer(Script(answer=answer, delay=delay * (SLOWER if i == 3 else 1)))
        for i in range(4)
    ]
    models = tuple(f"m{i},url={server.url},island={i}" for i, server in enumerate(servers))
    ended: dict[int, list[float]] = {i: [] for i in range(4)}
    began = time.monotonic()
    generations = 40
    for i, server in enumerate(servers):
        usual = server.serve

        def timed(handler: Any, i: int = i, usual: Any = usual) -> None:
            usual(handler)
            ended[i].append(time.monotonic() - began)

        server.serve = timed  # type: ignore[method-assign]
    evolve(folder, table, "slow", models=models, generations=generations, lag=2, concurrency=8,
           migrate_every=generations, reseed_every=generations)  # fmt: skip
    for i, server in enumerate(servers):
        calls = ended[i][1:]
        span = calls[-1] - ended[i][0]
        own = delay * (SLOWER if i == 3 else 1)
        print(f"slow: island {i}, {own:g} s a call, 2 under way: {len(calls)} calls in "
              f"{span:.1f} s, {len(calls) * own / 2 / span:.1%} of its ideal")  # fmt: skip
        server.close()


def tokens(folder: Path, table: Path) -> None:
    """Tokens of a run of 50 generations with default settings, by kind of prompt."""
    with ScriptedServer() as server:
        run = evolve(folder, table, "tokens", models=("m",), base_url=server.url, proposer=None,
                     generations=50, offspring=None, seeds=None, reseed_every=20)  # fmt: skip
    for row in run.store.spent_by_kind():
        calls = row["calls"]
        print(f"tokens: {row['kind']:10s} {calls:4d} calls, {row['input_tokens']:8,} in "
              f"({row['input_tokens'] // calls:,} each), {row['output_tokens']:7,} out "
              f"({row['output_tokens'] // calls:,} each)")  # fmt: skip
    spent = run.store.spent()
    assert spent is not None
    print(f"tokens: all        {spent['calls']:4d} calls, {spent['input_tokens']:8,} in, "
          f"{spent['output_tokens']:7,} out")  # fmt: skip
    for row in run.store.spent_by_proposer():
        print("tokens:", {name: row[name] for name in ("proposer", "candidates", "ok", "better")})
    reasons = Counter(row["reason"][:60] for row in run.rows(proposer="llm") if row["reason"])
    print("tokens: reasons", dict(reasons.most_common(5)))


BLUNDERS = {  # what a reply does with a program, and how many of a hundred replies do
    "none": 40, "no fence": 8, "an example first": 8, "indented": 6, "cut off": 8, "no parse": 8,
    "renamed": 6, "only words": 6, "undefined name": 10,
}  # fmt: skip
REPAIRED = 0.7  # of the blunders that are pointed out


class Blunderer:
    """Answers with families of laws over the task's roles; one of `BLUNDERS` befalls each reply."""

    def __init__(self, table: Path) -> None:
        task = api.load_task("data_constrained")
        rows = read_table(table, task)
        roles = tuple(column.role for column in task.features)
        units = plain_units(rows.x, roles)
        forms = [
            Form(law, units, objective)
            for law in applicable(roles, limit=task.parameter_limit)
            for objective in (SQUARED, HUBER_LOG)
        ]
        self._texts = [write(form, task.feature_names, task.target_names) for form in forms]

    def __call__(self, body: dict[str, Any], number: int) -> str:
        rng = np.random.default_rng(number)
        text = self._texts[int(rng.integers(len(self._texts)))]
        names, shares = list(BLUNDERS), np.array(list(BLUNDERS.values()), float)
        blunder = str(rng.choice(names, p=shares / shares.sum()))
        if len(body["messages"]) > 2 and rng.random() < REPAIRED:
            blunder = "none"
        return self._reply(text, blunder)

    @staticmethod
    def _reply(text: str, blunder: str) -> str:
        match blunder:
            case "no fence":
                return f"Here is the program.\n\n{text}"
            case "an example first":
                return f"As in\n\n```python\ny = a + b\n```\n\nI write\n\n```python\n{text}```\n"
            case "indented":
                return "1. The block:\n\n" + indent(f"```python\n{text}```\n", "   ")
            case "cut off":
                return f"```python\n{text[: int(0.6 * len(text))]}"
            case "no parse":
                return f"```python\n{text.replace('return', 'return (', 1)}```\n"
            case "renamed":
                return f"```python\n{text.replace('fit_scaling_law', 'fit')}```\n"
            case "only words":
                return "I would try a term in which the unique tokens saturate."
            case "undefined name":
                return f"```python\n{text.replace('np.average', 'numpy_average')}```\n"
        return f"Change: a law of the field\n\n```python\n{text}```\n"


def strictly(reply: str) -> bool:
    """Whether one fence holds all of a program, as a reader would have it that forgives nothing."""
    found = re.findall(r"^```python\n(.*?)^```", reply, re.DOTALL | re.MULTILINE)
    program = Program(found[0]) if len(found) == 1 else None
    return program is not None and program.kind is not None and not program.syntax_error


def efficiency(folder: Path, table: Path) -> None:
    """What becomes of the calls of a model that blunders, all written as whole programs."""
    with ScriptedServer(Script(answer=Blunderer(table))) as server:
        driver = Judged(folder, table)
        run = driver.evolve("efficiency", models=("m",), base_url=server.url, proposer="llm",
                            generations=30, islands=4, offspring=1, seeds=4)  # fmt: skip
    seen = {round(row["held_out_r2"], 9) for row in run.rows() if row["proposer"] != "llm"
            and row["held_out_r2"] is not None}  # fmt: skip
    counts: Counter[str] = Counter()
    for row in run.rows(proposer="llm"):
        calls = run.store.calls(row["number"])
        counts["calls"] += len(calls)
        counts["tokens"] += sum(call["input_tokens"] + call["output_tokens"] for call in calls)
        counts["proposals"] += 1
        counts["strictly readable"] += strictly(calls[0]["reply"])
        counts["read at once"] += len(calls) == 1
        counts["repaired"] += len(calls) > 1 and bool(row["program_hash"]) and not row["reason"]
        if row["status"] == "ok":
            counts["valid"] += 1
            value = round(row["held_out_r2"], 9)
            counts["valid and new"] += value not in seen
            counts["new, strictly read"] += value not in seen and strictly(calls[0]["reply"])
            counts["new, not repaired"] += value not in seen and len(calls) == 1
            seen.add(value)
    new = max(1, counts["valid and new"])
    print("efficiency:", dict(counts))
    print(f"efficiency: {counts['valid and new'] / counts['calls']:.1%} of calls bring a new valid "
          f"law, {counts['tokens'] / new:,.0f} tokens each; without repairs "
          f"{counts['new, not repaired']}, read strictly {counts['new, strictly read']} of "
          f"{counts['proposals']} proposals, now {counts['valid and new']}")  # fmt: skip


class Follower:
    """Changes the law that a prompt shows by a symbolic move, which may cross it with others there.

    It answers with edits where the prompt asks for these, else with a whole program, and does not
    blunder. A prompt shows exemplars as formulas: whose these are it knows from `programs`.
    """

    def __init__(self, table: Path, programs: dict[str, Program], seed: int) -> None:
        task = api.load_task("data_constrained")
        self._proposer = SymbolicProposer(task, read_table(table, task))
        self._programs = programs
        self._seed = seed

    def __call__(self, body: dict[str, Any], number: int) -> str:
        parent = Program(parent_source(body))
        shown = [text for _, text in re.findall(r"(`{3,})\n(.*?)\n\1", question(body), re.DOTALL)]
        others = [self._programs[text] for text in shown if text in self._programs]
        others = [program for program in others if program.hash != parent.hash]
        members = [member(i, program) for i, program in enumerate((parent, *others))]
        rng = np.random.default_rng((self._seed, number))
        asked = Request(0, 1, tuple(members[:1]), tuple(members[1:]), (), {}, rng)
        proposal = self._proposer.propose(asked)
        if proposal is None or proposal.program is None:
            return "Nothing comes to mind."
        change = f"Change: {proposal.change}\n\n"
        if "as edits of the text" in question(body) and len(body["messages"]) == 2:
            return change + edits(parent.block, proposal.program.block)
        return f"{change}```python\n{proposal.program.source}```\n"


def edits(before: str, after: str) -> str:
    """The change between two texts as edits, each with so many lines about it that it is unique.

    Prompts show one blank line where there are two.
    """
    before, after = (re.sub(r"\n{3,}", "\n\n", text) for text in (before, after))
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    made, done = [], 0
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        above = below = 0
        while before.count("".join(old[a - above : b + below])) > 1 or a - above == b + below:
            above, below = min(above + 1, a - done), min(below + 1, len(old) - b)
        there = "".join(old[a - above : b + below])
        put = "".join([*old[a - above : a], *new[c:d], *old[b : b + below]])
        made.append(f"<<<<<<< SEARCH\n{there}=======\n{put}>>>>>>> REPLACE\n")
        done = b
    return "\n".join(made)


def shown(folder: Path, table: Path) -> None:
    """New valid laws and the best score with and without exemplars; tokens by kind of prompt."""
    programs: dict[str, Program] = {}
    look = LawReader.insight

    def noted(self: LawReader, candidate: Candidate, program: Program) -> Insight:
        found = look(self, candidate, program)
        programs[found.formula] = program
        return found

    LawReader.insight = noted  # type: ignore[method-assign]
    for exemplars in (3, 0):
        kinds: defaultdict[str, Counter[str]] = defaultdict(Counter)
        scores = []
        for seed in range(SHOWN_SEEDS):
            programs.clear()
            with ScriptedServer(Script(answer=Follower(table, programs, seed))) as server:
                run = Judged(folder, table).evolve(
                    f"shown-{exemplars}-{seed}", models=("m",), base_url=server.url, seed=seed,
                    proposer="llm", generations=30, islands=4, offspring=1, seeds=8,
                    exemplars=exemplars,
                )  # fmt: skip
            scores.append(max(row["score"] for row in run.rows() if row["score"] is not None))
            seen: set[float] = set()
            for row in sorted(run.rows(), key=lambda row: row["number"]):
                value = None if row["status"] != "ok" else round(row["held_out_r2"], 9)
                calls = run.store.calls(row["number"]) if row["proposer"] == "llm" else []
                for count in [kinds[calls[0]["kind"]]] if calls else []:
                    count["calls"] += len(calls)
                    count["new"] += value is not None and value not in seen
                    count["out"] += sum(call["output_tokens"] for call in calls)
                    count["all"] += sum(c["input_tokens"] + c["output_tokens"] for c in calls)
                seen |= set() if value is None else {value}
        listed = ", ".join(f"{score:.4f}" for score in scores)
        print(f"shown: {exemplars} exemplars: best scores {listed}, mean {np.mean(scores):.4f}")
        for kind, count in sorted(kinds.items()):
            new = max(1, count["new"])
            print(f"shown: {exemplars} exemplars, {kind:10s} {count['calls']:4d} calls, "
                  f"{count['new'] / count['calls']:.0%} bring a new valid law, tokens for one: "
                  f"{count['all'] / new:,.0f}, {count['out'] / new:,.0f} of them out")  # fmt: skip
    LawReader.insight = look  # type: ignore[method-assign]


class Judged(Driver):
    """Runs whose programs the sandbox judges."""

    def _pool(self, task: Task, rows: Table, cuts: Sequence[Cut], config: EvolveConfig) -> HashPool:
        judge = make_evaluator(task, rows, cuts, config.evaluation, "held-out", False)

        class Pool(HashPool):
            def judge(self, text: Program) -> Evaluation:
                return judge.evaluate(text)

            def close(self) -> None:
                judge.close()

        return Pool()


if __name__ == "__main__":
    os.environ.setdefault("OPENAI_API_KEY", "none")
    table, *wanted = sys.argv[1:]
    with tempfile.TemporaryDirectory() as made:
        for measure in (rate, slow, tokens, efficiency, shown):
            if not wanted or measure.__name__ in wanted:
                measure(Path(made), Path(table))
