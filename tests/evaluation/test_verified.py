"""Verified evaluation: the same figures as in batches for honest models, in processes of their own."""

import math
from pathlib import Path

import pytest

from fsdl_bench.errors import BadInput, RuleBreach
from fsdl_bench.evaluation import verified
from fsdl_bench.evaluation.journal import Journal

HONEST = Path(__file__).parents[1] / "honest"

pytestmark = pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="needs fork")


def rows_of(stored):
    columns = ["condition", "shots", "artist", "episode", "song_id"]
    return stored.rows.sort_values(columns).reset_index(drop=True)


@pytest.mark.walls
@pytest.mark.parametrize("protocol", ["independent", "streaming"])
def test_an_honest_model_scores_as_in_batches(toy, run, protocol):
    model = str(HONEST / "mixture.py")
    batched = rows_of(run(model, protocol=protocol))
    stored = run(model, protocol=protocol, verified=True, workers=2)
    found = rows_of(stored)
    assert found[["artist", "shots", "song_id"]].equals(batched[["artist", "shots", "song_id"]])
    assert found.nats.to_numpy() == pytest.approx(batched.nats.to_numpy(), abs=1e-9)
    result = stored.result
    assert result.mode == "verified"
    assert result.guarantees[0].startswith("each cell in a fork of a process that has met no cell")
    rules = {verdict.rule for verdict in result.audits}
    assert {"strict causality", "score before update", "one pass", "state", "a full distribution"} <= rules


def test_a_model_without_a_stream_scores_the_same(toy, model, counting, run):
    path = model(counting)
    batched, found = (rows_of(run(path, verified=verified)) for verified in (False, True))
    assert found.nats.to_numpy() == pytest.approx(batched.nats.to_numpy(), abs=1e-6)


def test_rows_do_not_depend_on_workers_or_on_company(toy, run):
    model = str(HONEST / "mixture.py")
    one = rows_of(run(model, verified=True))
    assert rows_of(run(model, verified=True, workers=3)).equals(one)
    alone = rows_of(run(model, verified=True, alone=True))
    assert alone.nats.to_numpy() == pytest.approx(one.nats.to_numpy(), abs=1e-9)


LIBRARIES = """
import os
import tempfile
from pathlib import Path
import torch._dynamo
class UsesLibraries:
    def prepare(self, context):
        self.size = context.vocab_size
        tempfile.gettempdir()  # remembered by the module
    def adapt(self, support):
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"kept for a moment")
        (Path.home() / "cache").mkdir()
        (Path(os.environ["TORCHINDUCTOR_CACHE_DIR"]) / "kernels").mkdir(parents=True)
        weight = torch.nn.Parameter(torch.zeros(self.size))
        optimiser = torch.optim.Adam([weight])
        weight.sum().backward()
        optimiser.step()
        return self
    def logits(self, songs):
        return torch.zeros(*songs.shape, self.size)
"""


@pytest.mark.walls
def test_a_cell_may_use_libraries_that_write_temporary_files(toy, model, run, monkeypatch):
    """Temporary folder, home and caches are the cell's own, although the processes before it had others."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "/elsewhere/torchinductor")
    rows_of(run(model(LIBRARIES), verified=True, limit=1))


REMEMBERS = """
CALLS = []
class Remembers:
    calls = 0
    def prepare(self, context):
        self.size = context.vocab_size
    def adapt(self, support):
        CALLS.append(1)
        Remembers.calls += 1
        return self
    def logits(self, songs):
        scores = torch.zeros(*songs.shape, self.size)
        scores[..., 5] = len(CALLS) + self.calls
        return scores
"""


def test_every_cell_meets_a_model_that_has_met_no_cell(toy, model, run):
    """Each cell sees one call of `adapt`, its own."""
    rows = run(model(REMEMBERS), verified=True).rows
    by_song = rows.groupby("song_id").nats
    assert by_song.nunique().max() == 1


NEIGHBOURS = """
class Neighbours:
    def prepare(self, context):
        self.size = context.vocab_size
    def adapt(self, support):
        return self
    def logits(self, songs):
        return torch.zeros(*songs.shape, self.size)
    def stream(self, songs=1):
        return self
    def step(self, tokens):
        scores = torch.zeros(len(tokens), self.size)
        scores[:, 5] = float(tokens.sum()) / 100
        return scores
"""


def test_a_song_may_not_depend_on_the_songs_beside_it(toy, model, run, monkeypatch):
    monkeypatch.setattr(verified, "SHARE_ALONE", 1.0)
    with pytest.raises(RuleBreach, match="independence"):
        run(model(NEIGHBOURS), verified=True)


IGNORES = """
class Ignores:
    ignores_support = True
    def prepare(self, context):
        self.size = context.vocab_size
    def adapt(self, support):
        assert support == (), support
        return self
    def logits(self, songs):
        return torch.arange(self.size).expand(*songs.shape, -1) / 100.0
"""


def test_a_model_that_ignores_the_support_gets_none_and_is_scored_once(toy, model, run, monkeypatch):
    jobs = []
    original = verified.jobs_of
    monkeypatch.setattr(verified, "jobs_of", lambda *a, **k: jobs.extend(original(*a, **k)) or list(jobs))
    stored = run(model(IGNORES), verified=True)
    assert len(jobs) == stored.result.aggregates.episodes
    assert stored.rows.groupby("song_id").nats.nunique().max() == 1
    assert set(stored.rows.shots) == {0, 1, 2, 5}


def test_an_interrupted_run_resumes(toy, run, monkeypatch):
    model = str(HONEST / "mixture.py")
    whole = rows_of(run(model, verified=True))
    append, count = Journal.append, 0

    def stopped(self, entry):
        nonlocal count
        append(self, entry)
        count += 1
        if count == 7:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", stopped)
        with pytest.raises(KeyboardInterrupt):
            run(model, verified=True, workers=2)
    scored = 0

    def counted(self, entry):
        nonlocal scored
        append(self, entry)
        scored += 1

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", counted)
        resumed = rows_of(run(model, verified=True, resume=True))
    assert resumed.equals(whole)
    assert 0 < scored < len(whole) / 4 - 4


ENDS = """
import os
class Ends:
    def prepare(self, context):
        self.size = context.vocab_size
    def adapt(self, support):
        return self
    def logits(self, songs):
        {action}
        return torch.zeros(*songs.shape, self.size)
"""


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ("os._exit(3)", "the submission's process ended unexpectedly"),
        ("import ctypes; ctypes.string_at(0)", "the submission's process ended unexpectedly"),
        ("raise ValueError('own fault')", r"the submission failed:\n(.|\n)*own fault"),
        ("return torch.zeros(1, 2)", r"Ends.logits returned a tensor of shape \[1, 2\]"),
        ("self.size = float('nan')", "the submission failed"),
    ],
)
def test_a_cell_that_fails_is_one_clear_error(toy, model, run, action, message):
    with pytest.raises(BadInput, match=message):
        run(model(ENDS.format(action=action)), verified=True, workers=2)


def test_scores_that_are_no_distribution(toy, model, run):
    text = ENDS.format(action="return torch.full((*songs.shape, self.size), float('nan'))")
    with pytest.raises(RuleBreach, match="100 of 100 scores are NaN"):
        run(model(text), verified=True)


def test_options_that_need_it(toy, run):
    with pytest.raises(BadInput, match="--alone: needs --verified"):
        run(str(HONEST / "mixture.py"), alone=True)
    with pytest.raises(BadInput, match="--workers: expected at least 1, found 0"):
        run(str(HONEST / "mixture.py"), workers=0, verified=True)


def test_a_uniform_model_pays_log_v(toy, model, run):
    rows = run(model(ENDS.format(action="pass")), verified=True).rows
    assert rows.nats.to_numpy() == pytest.approx((rows.tokens * math.log(100)).to_numpy(), abs=1e-9)
