"""Test songs that a submission knows from elsewhere. Reveal scoring cannot see that; a fresh track can.

The songs of published tracks are public: they can be inside a submission's weights, and those of synthetic
tracks can be drawn again from the package. Nothing in one run can tell such a model from a very good one.
What helps: readers of the code, the plausible floor of `leaderboard check`, the Bayes optimum on synthetic
tracks, and `verify --fresh`.
"""

import pytest
from click.testing import CliRunner

from fsdl_bench.builder.pipeline import build_track
from fsdl_bench.cli import main
from fsdl_bench.evaluation.fresh import evaluate_fresh, fresh_definition, suspicious
from fsdl_bench.evaluation.runner import evaluate
from fsdl_bench.site.against_track import optimum_finding
from fsdl_bench.synthetic import synthetic_model
from fsdl_bench.tracks.definition import load_definition

pytestmark = pytest.mark.walls

REGENERATED = """
from fsdl_bench import synthetic_model
class Regenerated:
    def fit(self, train, validation, context):
        model = synthetic_model("lyrics-synthetic")
        counts = torch.ones(context.vocab_size, context.vocab_size)
        for song in train.songs:
            ids = torch.tensor([1, *song.tokens.tolist()])
            counts.index_put_((ids[:-1], ids[1:]), torch.ones(len(ids) - 1), accumulate=True)
        self.scores = counts.log()
        songs = [model.song(artist, i) for artist in model.artists for i in range(model.song_count(artist))]
        self.known = {}
        for song in songs:
            for at, token in enumerate(song.tolist()):
                self.known[song[:at].tobytes()] = token
    def adapt(self, support):
        return self
    def logits(self, songs):
        return torch.stack([torch.stack(self.rows(song)) for song in songs.numpy().astype("uint16")])
    def rows(self, song):
        return [self.row(song[:at]) for at in range(len(song))]
    def row(self, before):
        scores = self.scores[before[-1] if len(before) else 1].clone()
        known = self.known.get(before.tobytes())
        if known is not None:
            scores[known] += 20
        return scores
    def stream(self, songs=1):
        return Walk(self, songs)
class Walk:
    def __init__(self, owner, songs):
        self.owner, self.songs = owner, [[] for _ in range(songs)]
    def step(self, tokens):
        import numpy
        rows = []
        for song, token in zip(self.songs, tokens.tolist()):
            if token > 1:
                song.append(token)
            rows.append(self.owner.row(numpy.array(song, "uint16")))
        return torch.stack(rows)
"""


@pytest.fixture
def results(model, tmp_path):
    """The cheat on the published track and on a fresh one: a few episodes of each."""
    build_track(load_definition("lyrics-synthetic"), progress=False)
    options = {"limit": 12, "shots": [0, 5], "progress": False}
    path = model(REGENERATED)
    published = evaluate(path, "lyrics-synthetic", verified=True, out=tmp_path / "x.json", **options)
    fresh = evaluate_fresh(path, "lyrics", out=tmp_path / "x.fresh.json", **options)
    return published.result, fresh.result


def test_songs_drawn_again_from_the_package(results):
    published, fresh = results
    assert published.aggregates.shots[0].nll.mean < 0.3, "reveal scoring cannot see it"
    assert optimum_finding(published).passed is False, "the check can"
    assert fresh.aggregates.shots[0].to_optimum.mean > 0, "and there is nothing to know on a fresh track"
    assert "on songs that nobody has seen" in suspicious(published, fresh)
    assert suspicious(fresh, fresh) == ""


def test_a_fresh_track_is_another_for_each_secret():
    one, two, public = (synthetic_model("lyrics-synthetic", secret) for secret in ("a", "b", ""))
    artist = next(iter(one.artists))
    songs = {model.song(artist, 0).tobytes() for model in (one, two, public)}
    assert len(songs) == 3
    assert synthetic_model("lyrics-synthetic").song(artist, 0).tobytes() == public.song(artist, 0).tobytes()
    assert fresh_definition("midi", "a").sources[0].options == {"secret": "a"}


def test_the_secret_is_sealed(own_home, model):
    """The fresh track is among the tracks, which no submission can read, and is removed afterwards."""
    from fsdl_bench.evaluation.fresh import fresh_track
    from fsdl_bench.submissions.setup import set_up

    with fresh_track("lyrics", "abc", progress=False) as track:
        setup = set_up(model(REGENERATED), track, isolate=True)
        assert any(track.is_relative_to(folder) for folder in setup.sealed)
        assert "abc" in (track / "definition.toml").read_text()
    assert not list((own_home / "tracks").glob(".fresh-*"))


def test_the_command(toy, model, run, counting, tmp_path, monkeypatch):
    """`verify --fresh` prints a second table; here with a stand-in for the long evaluation."""
    stored = run(model(counting), shots=[0, 5])
    monkeypatch.setattr("fsdl_bench.evaluation.fresh.evaluate_fresh", lambda *_, **__: stored)
    done = CliRunner().invoke(main, ["verify", str(tmp_path / "result.json"), "--fresh"])
    assert done.exit_code == 0, done.output
    assert done.stdout.count("Counting on toy") == 2
