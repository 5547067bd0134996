"""What every pool of evaluators promises."""

from sldagent.candidate import Status
from sldagent.evaluation.base import EvaluatorPool
from sldagent.program import Program


class PoolContract:
    """Subclasses give a fixture `pool` over an evaluator whose score is the program's number."""

    def test_every_program_gets_its_own_result(self, pool: EvaluatorPool) -> None:
        for key in range(9):
            pool.submit(key, Program(f"{key}.5"))
        results = dict(pool.results())
        assert {key: value.score for key, value in results.items()} == {
            key: key + 0.5 for key in range(9)
        }

    def test_results_may_be_asked_for_again(self, pool: EvaluatorPool) -> None:
        assert list(pool.results()) == []
        pool.submit(3, Program("1.0"))
        assert [key for key, _ in pool.results()] == [3]
        pool.submit(4, Program("2.0"))
        assert [key for key, _ in pool.results()] == [4]

    def test_a_failed_program_is_a_result(self, pool: EvaluatorPool) -> None:
        pool.submit(0, Program("bad"))
        assert dict(pool.results())[0].status is Status.ERROR
