"""Several workers: the same rows as one, whatever happens to a worker."""

import os
import threading
import time

import psutil
import pytest

from fsdl_bench.errors import BadInput, RuleBreach
from fsdl_bench.evaluation import parallel

SLOW = {"settings": ["slow=0.05"]}


@pytest.mark.parametrize(
    "options", [{"isolate": True}, {"verified": True}, {"verified": True, "alone": True}]
)
def test_the_rows_are_those_of_one_worker(toy, run, model, counting, options):
    path = model(counting)
    one, two = (run(path, workers=count, limit=3, **options) for count in (1, 2))
    assert one.rows.equals(two.rows)
    assert {v.rule for v in one.result.audits} == {v.rule for v in two.result.audits}


def test_a_breach_in_a_worker_ends_the_run(toy, run, model):
    path = model(
        """
        class Peeks:
            def prepare(self, context):
                self.size = context.vocab_size
            def adapt(self, support):
                return self
            def logits(self, songs):
                return 5.0 * torch.nn.functional.one_hot(songs.long(), self.size)
        """
    )
    with pytest.raises(RuleBreach, match="causality"):
        run(path, isolate=True, workers=2)


def test_workers_need_processes(toy, run, model, counting):
    with pytest.raises(BadInput, match="--workers: several need processes of their own"):
        run(model(counting), workers=2)


def test_a_killed_worker_costs_nothing(toy, run, model, counting, scored_cells):
    path = model(counting)
    expected = run(path, verified=True, limit=4, **SLOW)
    killed = []

    def kill():
        deadline = time.monotonic() + 120
        while scored_cells() < 3 and time.monotonic() < deadline:
            time.sleep(0.1)
        server = next(p for p in psutil.Process().children() if "forkserver" in " ".join(p.cmdline()))
        worker = next(p for p in server.children() if p.children())
        worker.kill()
        killed.append(scored_cells())

    killer = threading.Thread(target=kill)
    killer.start()
    found = run(path, verified=True, limit=4, workers=2, **SLOW)
    killer.join()
    assert killed[0] < len(found.rows) / 4, "it was killed midway"
    assert found.rows.equals(expected.rows)


def test_an_item_that_always_kills_its_worker_ends_the_run(monkeypatch):
    monkeypatch.setattr(parallel, "TRIES", 2)
    with pytest.raises(BadInput, match="1 cells could not be scored; the last worker crashed"):
        list(parallel.scored(Deadly, [1, 0, 2], 2))


class Deadly:
    """A scorer that dies of the item 0."""

    def __call__(self, item):
        if not item:
            os._exit(3)
        return [item]

    def close(self):
        """Nothing is open."""
