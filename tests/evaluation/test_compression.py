"""Songs to bits and back: exactly, at the size that the NLL promises, and only with the same model."""

from contextlib import contextmanager

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from fsdl_bench.cli import main
from fsdl_bench.codecs import EOS, load_codec
from fsdl_bench.codecs.midi import EXCERPT_NOTES
from fsdl_bench.errors import BadInput, RuleBreach
from fsdl_bench.evaluation.compression import ENDS, SHARE, decode, encode
from fsdl_bench.evaluation.scoring import token_nats

WORDS, MIDI = load_codec("words-v1"), load_codec("note10ms-v1")


class Scores:
    """A process whose scores depend on all tokens so far of their song."""

    def __init__(self, vocab_size, sharp=3.0):
        self.vocab_size, self.sharp = vocab_size, sharp

    def row(self, prefix):
        generator = torch.Generator().manual_seed(hash(tuple(prefix)) % 2**31)
        return self.sharp * torch.randn(self.vocab_size, generator=generator)

    @contextmanager
    def stream(self, songs):
        seen = [[] for _ in range(songs)]

        def step(tokens):
            for song, token in zip(seen, tokens.tolist(), strict=True):
                song.append(token)
            return torch.stack([self.row(song) for song in seen])

        yield step

    def nats(self, song):
        rows = torch.stack([self.row([1, *song[:t].tolist()]) for t in range(len(song))])
        return float(token_nats(rows, song).sum())


def words(random, length, ended):
    song = random.integers(3, WORDS.vocab_size, length).astype(np.uint16)
    return np.append(song[:-1], np.uint16(EOS)) if ended else song


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 99)), min_size=1, max_size=4))
def test_what_was_encoded_is_decoded(songs):
    songs = [words(np.random.default_rng(seed), length, True) for length, seed in songs]
    process = Scores(WORDS.vocab_size)
    found = encode([(process, songs), (process, songs[:1])], WORDS)
    again = decode([(process, len(songs)), (process, 1)], found, WORDS)
    assert [[song.tolist() for song in cell] for cell in again] == [
        [song.tolist() for song in songs],
        [songs[0].tolist()],
    ]
    nats = sum(process.nats(song) for song in [*songs, songs[0]])
    assert found.nats == pytest.approx(nats, rel=1e-6)
    assert found.ideal - 32 < found.bits <= (1 + SHARE) * found.ideal + ENDS
    assert found.tight


def test_a_text_that_fills_its_excerpt():
    songs = [words(np.random.default_rng(0), 512, ended) for ended in (True, False)]
    process = Scores(WORDS.vocab_size)
    found = encode([(process, songs)], WORDS)
    assert found.cut == (), "the length says it all"
    ((one, two),) = decode([(process, 2)], found, WORDS)
    assert one.tolist() == songs[0].tolist()
    assert two.tolist() == songs[1].tolist()


def music(notes, drums):
    """A canonical song of one instrument, a note at every tenth of a second, without EOS."""
    kinds = MIDI.token_kinds()
    pitches = [36 + index % 40 for index in range(notes)]
    family = 16 if drums else 0
    parts = []
    for index, pitch in enumerate(pitches):
        parts += [kinds["shift"].start + 9] * bool(index)
        parts += [kinds["note"].start + 128 * family + pitch]
        parts += [] if drums else [kinds["dur"].start + 4]
    return np.array(parts, np.uint16)


@pytest.mark.parametrize("drums", [False, True])
def test_a_piece_with_exactly_as_many_notes_as_an_excerpt(drums):
    """Whether EOS follows the last note cannot be seen from the notes: one bit tells."""
    full = music(EXCERPT_NOTES, drums)
    ended = np.append(full, np.uint16(EOS))
    cut = MIDI.excerpt(np.append(music(EXCERPT_NOTES + 1, drums), np.uint16(EOS)))
    assert len(cut) in (len(full), len(full) + 1)
    songs = [ended, full, music(3, drums), cut]
    songs[2] = np.append(songs[2], np.uint16(EOS))
    process = Scores(MIDI.vocab_size, sharp=1.0)
    found = encode([(process, songs)], MIDI)
    assert sorted(found.cut) == [False, True, True]
    (again,) = decode([(process, 4)], found, MIDI)
    assert [song.tolist() for song in again] == [song.tolist() for song in songs]


def test_another_model_restores_something_else():
    songs = [words(np.random.default_rng(1), 30, True)]
    found = encode([(Scores(WORDS.vocab_size), songs)], WORDS)
    try:
        ((again,),) = decode([(Scores(WORDS.vocab_size, 2.9), 1)], found, WORDS)
    except BadInput:
        return
    assert again.tolist() != songs[0].tolist()


def test_a_verified_run_proves_itself(toy, run, model, counting):
    stored = run(model(counting), verified=True)
    proof = stored.result.compression
    assert proof.cells == proof.songs / 4 == 8, "all eight episodes of the toy track"
    rows = stored.rows[(stored.rows.condition == "right") & (stored.rows.shots == 5)]
    assert proof.ideal == pytest.approx(rows.nats.sum() / np.log(2), rel=1e-6)
    assert proof.bits <= (1 + SHARE) * proof.ideal + ENDS
    assert run(model(counting), verified=True, protocol="streaming").result.compression is None


FICKLE = """
import os
class Fickle:
    def prepare(self, context):
        self.size = context.vocab_size
    def adapt(self, support):
        self.noise = int.from_bytes(os.urandom(4), "little")
        return self
    def stream(self, songs=1):
        return self
    def step(self, tokens):
        scores = torch.zeros(len(tokens), self.size)
        scores[:, 3 + self.noise % 90] = 1e-3
        return scores
    def logits(self, songs):
        return torch.zeros(*songs.shape, self.size)
"""


def test_scores_that_no_second_process_gives_break_the_rule(toy, run, model):
    with pytest.raises(RuleBreach, match=r"(?s)compression|independence"):
        run(model(FICKLE), verified=True)


def test_the_commands(toy, model, counting, tmp_path):
    path = model(counting)
    file, out = tmp_path / "songs.fsdl", tmp_path / "out"
    words = ["--submission", path, "--track", "toy"]
    done = CliRunner().invoke(
        main, ["compress", *words, "--artist", "eva", "--out", str(file)], catch_exceptions=False
    )
    assert "bits; -log2 p is" in done.output
    done = CliRunner().invoke(
        main, ["decompress", str(file), "--submission", path, "--out", str(out)], catch_exceptions=False
    )
    from fsdl_bench import load_track
    from fsdl_bench.episodes import evaluation_episodes

    track = load_track("toy")
    (episode,) = [
        one
        for one in evaluation_episodes(track.test, track.definition)
        if (one.artist, one.index) == ("eva", 0)
    ]
    wanted = [track.codec.decode(song.tokens) for song in episode.query]
    assert [(out / f"song-{n}.txt").read_text() for n in (1, 2, 3, 4)] == wanted
    again = ["decompress", str(file), "--submission", path, "--out", str(out)]
    assert CliRunner().invoke(main, again).exit_code == 0
    (out / "song-2.txt").write_text("a song of the user's")
    done = CliRunner().invoke(main, again)
    assert (done.exit_code, "song-2.txt: expected no file or this song" in done.output) == (2, True)
    assert (out / "song-2.txt").read_text() == "a song of the user's"
    other = ["compress", *words, "--artist", "eva", "--out", str(out / "song-2.txt")]
    done = CliRunner().invoke(main, other)
    assert (done.exit_code, "an earlier one of compress, found another" in done.output) == (2, True)
    for words, message in (
        (["--set", "weight=2.0"], "another submission"),
        ([], "expected a file that"),
    ):
        if not words:
            file.write_bytes(b"{}\n")
        done = CliRunner().invoke(
            main, ["decompress", str(file), "--submission", path, *words, "--out", str(out)]
        )
        assert done.exit_code == 2
        assert message in done.output or "not of these songs" in done.output


def test_no_such_episode(toy, model, counting, tmp_path):
    words = ["compress", "--submission", model(counting), "--track", "toy", "--out", str(tmp_path / "x")]
    for more, message in (
        (["--artist", "nobody"], "no such episode"),
        (["--artist", "eva", "--shots", "9"], "expected one of 0, 1, 2, 5, found 9"),
    ):
        done = CliRunner().invoke(main, [*words, *more])
        assert done.exit_code == 2
        assert message in done.output
