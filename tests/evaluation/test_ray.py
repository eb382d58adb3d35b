"""A Ray cluster: one head and two nodes on this machine, of which one is killed midway."""

import threading
import time

import pytest

ray = pytest.importorskip("ray", reason="needs the optional Ray")


@pytest.fixture
def cluster(own_home):
    """A head without processors, and two nodes with one each."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    nodes = [made.add_node(num_cpus=1) for _ in range(2)]
    ray.init(address=made.address, log_to_driver=False)
    yield made, nodes
    ray.shutdown()
    made.shutdown()


@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_a_killed_node_costs_nothing(toy, run, model, counting, cluster, scored_cells, monkeypatch):
    made, nodes = cluster
    path, slow = model(counting), {"settings": ["slow=0.1"]}
    expected = run(path, verified=True, limit=4, **slow)
    monkeypatch.setenv("FSDL_BENCH_ENGINE", "ray")
    done = []

    def kill():
        deadline = time.monotonic() + 120
        while scored_cells() < 4 and time.monotonic() < deadline:
            time.sleep(0.1)
        made.remove_node(nodes[0], allow_graceful=False)
        done.append(scored_cells())

    killer = threading.Thread(target=kill)
    killer.start()
    found = run(path, verified=True, limit=4, workers=2, **slow)
    killer.join()
    assert done[0] < len(found.rows) / 4, "a node was killed midway"
    assert found.rows.equals(expected.rows)
