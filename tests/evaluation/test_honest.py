"""Unusual submissions that keep the rules, and pass."""

from pathlib import Path

import pytest
import torch

HONEST = Path(__file__).parents[1] / "honest"

ALL = [
    "mixture.py",
    "cache.py:Cache",
    "cache.py:Streaming",
    "neural.py:Half",
    "neural.py:Hidden",
    "neural.py:InContext",
    "neural.py:TestTime",
    "neural.py:InPlace",
    "neural.py:RandomStart",
    "plain_python.py:Plain",
]


@pytest.mark.parametrize("protocol", ["independent", "streaming"])
@pytest.mark.parametrize("submission", ALL)
def test_passes(toy, run, submission, protocol):
    result = run(str(HONEST / submission), protocol=protocol, limit=2, shots=[0, 5]).result
    rules = {verdict.rule for verdict in result.audits}
    assert all(verdict.passed for verdict in result.audits)
    assert {"causality", "independence", "determinism", "state", "scorer", "sealed songs"} <= rules
    assert ("stream" in rules) == (submission == "mixture.py")


def test_own_weights(toy, run, tmp_path):
    torch.save(torch.zeros(100), tmp_path / "weights.pt")
    settings = [f"weights={tmp_path / 'weights.pt'}", "temperature=2"]
    for isolate in (False, True):
        result = run(str(HONEST / "own_weights.py"), settings=settings, isolate=isolate, shots=[0]).result
        assert result.submission.arguments["temperature"] == 2.0
        assert result.aggregates.shots[0].nats_per_token.mean == pytest.approx(
            torch.log(torch.tensor(100.0)).item()
        )


def test_streaming_learns_from_the_songs_before(toy, run):
    def at(shots, protocol):
        stored = run(str(HONEST / "cache.py:Streaming"), protocol=protocol)
        return {shot.shots: shot.nll.mean for shot in stored.result.aggregates.shots}[shots]

    assert at(0, "streaming") < at(0, "independent")


def test_the_mixture_is_scored_exactly(toy, run):
    """Its own probabilities, multiplied by hand, against what the harness recorded."""
    import numpy as np

    from fsdl_bench.episodes import evaluation_episodes
    from fsdl_bench.tracks.track import load_track

    track = load_track("toy")
    rows = run(str(HONEST / "mixture.py")).rows
    parts = []
    for artist in track.train.artists:
        counts = np.ones(100)
        for song in artist.songs:
            np.add.at(counts, song.tokens, 1)
        parts.append(np.log(counts / counts.sum()))
    for episode in evaluation_episodes(track.test, track.definition)[:3]:
        weights = np.array([sum(part[song.tokens].sum() for song in episode.at(5)) for part in parts])
        weights -= np.logaddexp.reduce(weights)
        for song in episode.query:
            whole = np.array([part[song.tokens].sum() for part in parts])
            right = rows[(rows.song_id == song.id) & (rows.episode == episode.index) & (rows.shots == 5)]
            right = right[(right.condition == "right") & (right.artist == episode.artist)]
            assert right.nats.item() == pytest.approx(-np.logaddexp.reduce(weights + whole), abs=1e-9)
