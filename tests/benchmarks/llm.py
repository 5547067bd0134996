"""How well a search keeps models busy, and what its prompts take.

A made-up server on this machine answers from a script (see `contracts.scripted_server`), and
programs are judged by their hash, so that only the search itself is between two calls. Shown are:
the share of the ideal rate (calls in flight / latency) at 2 s a call with 16 in flight; the calls
of every island while one of four servers, which one island alone asks, is ten times slower; tokens
by kind of prompt of a run with default settings, counted as bytes / 4 by the server.

    PYTHONPATH=tests python tests/benchmarks/llm.py TRAIN.CSV [rate|slow|tokens ...]
"""

import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from contracts.scripted_runs import Driver
from contracts.scripted_server import Script, ScriptedServer, law

from sldagent import driving
from sldagent.run import Run

LATENCY, IN_FLIGHT = 2.0, 16
SLOWER = 10


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


if __name__ == "__main__":
    os.environ.setdefault("OPENAI_API_KEY", "none")
    table, *wanted = sys.argv[1:]
    with tempfile.TemporaryDirectory() as made:
        for measure in (rate, slow, tokens):
            if not wanted or measure.__name__ in wanted:
                measure(Path(made), Path(table))
