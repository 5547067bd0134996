"""A pool of evaluators in Ray's workers, which may die."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from contracts import scripted_evaluator
from contracts.pool_contract import PoolContract
from contracts.scripted_evaluator import build, build_broken

from sldagent.candidate import Status
from sldagent.errors import PrerequisiteError, SandboxError
from sldagent.evaluation.pool import RayPool
from sldagent.program import Program


@pytest.fixture(scope="module", autouse=True)
def _ship_helpers() -> None:
    """Ray's workers cannot import the tests: their code travels with the pickle."""
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(scripted_evaluator)


@pytest.fixture(scope="class")
def ray_pool() -> Iterator[RayPool]:
    pool = RayPool(build, workers=2)
    yield pool
    pool.close()


@pytest.mark.ray
class TestRayPool(PoolContract):
    @pytest.fixture
    def pool(self, ray_pool: RayPool) -> RayPool:
        return ray_pool

    def test_two_workers_share_the_work(self, pool: RayPool) -> None:
        for key in range(6):
            pool.submit(key, Program("sleep 0.2"))
        assert len({value.score for _, value in pool.results()}) == 2

    def test_a_dead_worker_is_replaced_and_its_program_tried_again(
        self, pool: RayPool, tmp_path: Path
    ) -> None:
        for key in range(6):
            pool.submit(key, Program(f"{key}.0"))
        pool.submit(6, Program(f"once {tmp_path / 'died'}"))
        for key in range(7, 12):
            pool.submit(key, Program(f"{key}.0"))
        results = dict(pool.results())
        assert sorted(results) == list(range(12))
        assert all(value.status is Status.OK for value in results.values())

    def test_a_program_that_kills_its_worker_twice_is_a_status(
        self, pool: RayPool, capfd: pytest.CaptureFixture[str]
    ) -> None:
        pool.submit(0, Program("1.0"))
        pool.submit(1, Program("die"))
        pool.submit(2, Program("2.0"))
        results = dict(pool.results())
        assert results[1].status is Status.ERROR
        assert "died 2 times" in results[1].reason
        assert (results[0].score, results[2].score) == (1.0, 2.0)
        time.sleep(1.5)  # Ray reports a death with a delay
        assert capfd.readouterr() == ("", "")

    def test_a_broken_sandbox_stops_the_search(self, pool: RayPool) -> None:
        pool.submit(0, Program("broken"))
        with pytest.raises(SandboxError, match="the sandbox is broken"):
            list(pool.results())


@pytest.mark.ray
def test_a_sandbox_that_cannot_be_built_stops_the_search() -> None:
    pool = RayPool(build_broken, workers=1)
    try:
        pool.submit(0, Program("1.0"))
        with pytest.raises(SandboxError, match="cannot be built"):
            list(pool.results())
    finally:
        pool.close()


@pytest.mark.ray
def test_a_cluster_of_two_nodes_is_used_by_its_address() -> None:
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    try:
        cluster.add_node(num_cpus=1)
        pool = RayPool(build, address=cluster.address)
        try:
            assert pool.width == 4
            for key in range(6):
                pool.submit(key, Program("sleep 0.2"))
            assert len({value.score for _, value in pool.results()}) == 2
        finally:
            pool.close()
    finally:
        cluster.shutdown()


@pytest.mark.ray
def test_an_address_where_nobody_listens_is_one_line() -> None:
    with pytest.raises(PrerequisiteError, match=r"Ray cannot be started at 127\.0\.0\.1:1"):
        RayPool(build, address="127.0.0.1:1")
