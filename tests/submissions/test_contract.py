"""The contract: its example runs unchanged, and the protocols tell who offers what."""

import inspect
import re
import textwrap

import pytest
import torch

import fsdl_bench.submissions.contract as contract
from fsdl_bench.codecs import load_codec
from fsdl_bench.evaluation.runner import evaluate
from fsdl_bench.sampling import TrainingEpisodes
from fsdl_bench.submissions.context import FitContext
from fsdl_bench.tracks.track import load_track

WORDS = ["mi", "lo", "na", "su", "ve", "ra", "do", "ki", "sol", "ten", "lai", "bri"]


@pytest.fixture
def track(write_track):
    """Three artists with nine songs of a few words each."""
    songs = {
        name: [" ".join(WORDS[(start + i) % 12] for i in range(length)) for length in range(3, 12)]
        for start, name in enumerate(["ada", "bea", "cyd"])
    }
    return write_track({"train": {"ada": songs["ada"]}, "validation": {"bea": songs["bea"]}, "test": songs})


def test_the_example_of_the_documentation_runs_as_it_stands(track, tmp_path):
    text = inspect.cleandoc(contract.__doc__)
    example = re.search(r"(?m)^    class Unigram:\n(?:(?:    .*)?\n)+", text).group()
    (tmp_path / "unigram.py").write_text("import torch\n\n" + textwrap.dedent(example))
    stored = evaluate(
        str(tmp_path / "unigram.py"), track, out=tmp_path / "result.json", progress=False, settings=[]
    )
    train = load_track(track).train
    counts = torch.ones(100, dtype=torch.float64)
    for song in train.songs:
        counts += torch.bincount(torch.from_numpy(song.tokens.astype("int64")), minlength=100)
    log_p = (counts / counts.sum()).log().numpy()
    tokens = {song.id: song.tokens for song in load_track(track).test}
    for row in stored.rows.itertuples():
        assert row.nats == pytest.approx(-log_p[tokens[row.song_id]].sum(), rel=1e-6)


@pytest.mark.parametrize(
    ("protocol", "method"),
    [
        (contract.SupportsFit, "fit"),
        (contract.SupportsPrepare, "prepare"),
        (contract.SupportsObserve, "observe"),
        (contract.SupportsStream, "stream"),
    ],
)
def test_optional_methods_are_told_by_their_presence(protocol, method):
    assert isinstance(type("With", (), {method: lambda self: None})(), protocol)
    assert not isinstance(type("Without", (), {})(), protocol)


def test_training_episodes_have_the_seed_of_the_run(track, tmp_path):
    opened = load_track(track)
    context = FitContext(
        track="toy",
        kind="lyrics",
        digest=opened.digest,
        codec=load_codec("words-v1"),
        shots=(0, 1),
        queries=4,
        device=torch.device("cpu"),
        seed=11,
        checkpoints=tmp_path,
    )
    own = context.episodes(opened.train, shots=2, queries=3, batch_size=2)
    same = TrainingEpisodes(opened.train, shots=2, queries=3, batch_size=2, seed=11)
    other = context.episodes(opened.train, shots=2, queries=3, batch_size=2, seed=12)
    assert torch.equal(own.batch(4).query, same.batch(4).query)
    assert not torch.equal(own.batch(4).query, other.batch(4).query)
