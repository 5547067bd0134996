"""An evaluator for tests of pools: does what the program's text says. It judges nothing."""

import os
import signal
import time
from pathlib import Path

from sldagent.candidate import Evaluation, Status
from sldagent.errors import SandboxError
from sldagent.program import Program


class ScriptedEvaluator:
    """`1.5`: that score; `bad`: an error; `die`: kills its process; `die once PATH`; `broken`."""

    def evaluate(self, program: Program) -> Evaluation:
        word, _, rest = program.source.partition(" ")
        if word == "bad":
            return Evaluation(Status.ERROR, "said so")
        if word == "broken":
            raise SandboxError("the sandbox is broken")
        if word == "sleep":
            time.sleep(float(rest))
            return Evaluation(Status.OK, score=float(os.getpid()))
        if word == "die" or (word == "once" and not Path(rest).exists()):
            if word == "once":
                Path(rest).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return Evaluation(Status.OK, score=float(word) if word != "once" else 1.0)


def build() -> ScriptedEvaluator:
    return ScriptedEvaluator()


def build_broken() -> ScriptedEvaluator:
    raise SandboxError("the sandbox cannot be built")
