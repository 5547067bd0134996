"""How fast the symbolic proposer is.

For every task: seconds for the first population; the median CPU milliseconds of a proposal, over
300 requests to a growing pool, with and without the hash that identifies a program anyway; how many
programs were distinct. Reading a member happens once per program and is shown apart.

    PYTHONPATH=tests python tests/benchmarks/symbolic.py [TASK ...]
"""

import sys
import time

import numpy as np
from laws.sldbench import FOLDER, TASKS, present
from proposing.symbolic_tasks import member, request

from sldagent.data.sources import load_train
from sldagent.data.tasks import find_task
from sldagent.laws.codegen import read
from sldagent.program import Program
from sldagent.proposing.symbolic import SymbolicProposer, seeds

REQUESTS = 300


def measure(name: str) -> str:
    """A row of the table."""
    task = find_task(name)
    table = load_train(task, FOLDER)
    begin = time.process_time()
    starts = seeds(task, table)
    seeding = time.process_time() - begin
    pool = [member(i, start.program) for i, start in enumerate(starts)]
    proposer = SymbolicProposer(task, table)
    rng = np.random.default_rng(0)
    took, hashing, reading, made = [], [], [], set()
    for seed in range(REQUESTS):
        chosen = rng.choice(len(pool), size=5, replace=False)
        members = [pool[i] for i in chosen]
        begin = time.process_time()
        read(members[0][1].source, len(task.features))
        reading.append(time.process_time() - begin)
        # A first question leaves the members read, as they are in a search.
        proposer.propose(request(*members, seed=seed))
        begin = time.process_time()
        proposal = proposer.propose(request(*members, seed=seed))
        took.append(time.process_time() - begin)
        if proposal is None or proposal.program is None:
            continue
        begin = time.process_time()
        made.add(Program(proposal.program.source).hash)
        hashing.append(time.process_time() - begin)
        pool.append(member(len(pool), proposal.program))
    whole, hashes, reads = (1e3 * float(np.median(t)) for t in (took, hashing, reading))
    return (
        f"| {name} | {len(starts)} | {seeding:.2f} | {whole:.1f} | {whole - hashes:.1f} "
        f"| {1e3 / whole:.0f} | {reads:.1f} | {len(made)} of {REQUESTS} |"
    )


def main() -> None:
    """Prints the table."""
    print(
        "| task | seeds | s | ms a proposal | ms without hash | a second | ms to read | distinct |"
    )
    print("|---" * 8 + "|")
    for name in sys.argv[1:] or TASKS:
        if present(name):
            print(measure(name), flush=True)


if __name__ == "__main__":
    main()
