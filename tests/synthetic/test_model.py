"""The two tracks' models: their songs, their frozen streams, their probabilities recounted in plain code."""

import itertools
from collections import Counter
from hashlib import blake2b
from math import isclose

import numpy as np
import pytest
from scipy import special

from fsdl_bench.codecs.base import EOS
from fsdl_bench.codecs.lyrics import canonical
from fsdl_bench.codecs.midi import MidiCodec
from fsdl_bench.codecs.midi_grammar import DUR, NOTE, SHIFT
from fsdl_bench.codecs.words import BREAK, WordsCodec
from fsdl_bench.errors import BadInput
from fsdl_bench.synthetic import Predictive, lyrics, midi, synthetic_model
from fsdl_bench.tracks.artists import artist_key, split_of

TRACKS = ["lyrics-synthetic", "midi-synthetic"]
SOME = ["alda abendale", "mira corvane", "hugo dulmar", "ugo ostrenko"]


@pytest.fixture(scope="module", params=TRACKS)
def model(request):
    return synthetic_model(request.param)


def some_songs(model, artists=SOME, count=6):
    return [model.song(artist, index) for artist in artists for index in range(count)]


# --- artists


def test_artists_are_many_distinct_and_spread_over_the_splits(model):
    assert len(model.artists) == 280
    assert all(artist_key(name) == key for key, name in model.artists.items())
    splits = Counter(map(split_of, model.artists))
    assert splits == {"train": 188, "validation": 31, "test": 61}
    counts = [model.song_count(artist) for artist in model.artists]
    assert (min(counts), max(counts)) == (24, 30)


def test_what_is_unknown_is_refused(model):
    for call in (model.song_count, model.theta, model.oracle, lambda key: model.song(key, 0)):
        with pytest.raises(BadInput, match=r"no artist .* has the key 'Mira Corvane'"):
            call("Mira Corvane")
    with pytest.raises(BadInput, match="known for lyrics-synthetic and midi-synthetic only"):
        synthetic_model("lyrics-verse")


# --- songs


def test_songs_never_change(model):
    """The streams are frozen by numpy's own policy; a new digest here would be a new track."""
    digest = blake2b(digest_size=8)
    for artist in itertools.islice(model.artists, 0, None, 40):
        digest.update(model.song_count(artist).to_bytes(1, "big"))
        for index in (0, 7):
            digest.update(model.song(artist, index).astype("<u2").tobytes())
    assert digest.hexdigest() == FROZEN[model.kind]


FROZEN = {"lyrics": "5d10cb2713997277", "midi": "f0e7656be560095c"}


def test_a_song_does_not_depend_on_what_was_drawn_before(model):
    forwards = some_songs(model)
    synthetic_model.cache_clear()
    fresh = synthetic_model(f"{model.kind}-synthetic")
    for song, index in zip(
        reversed(forwards), reversed(list(itertools.product(SOME, range(6)))), strict=True
    ):
        np.testing.assert_array_equal(fresh.song(*index), song)


def test_songs_are_all_different(model):
    songs = {song.tobytes() for song in some_songs(model, list(model.artists), 4)}
    assert len(songs) == 4 * 280


def test_words_are_canonical_as_drawn():
    model, codec = synthetic_model("lyrics-synthetic"), WordsCodec()
    for song in some_songs(model):
        text = codec.decode(song)
        assert canonical(text) == text
        assert "\n\n\n" not in text
        assert max(len(line.split()) for line in text.split("\n")) <= 10
        assert 61 <= len(song) <= 200 == model.chain.longest
        np.testing.assert_array_equal(codec.encode(text), song)


def test_music_is_canonical_as_drawn():
    model, codec = synthetic_model("midi-synthetic"), MidiCodec()
    for song in some_songs(model):
        notes = codec.decode(song)
        np.testing.assert_array_equal(codec.encode(notes), song)
        assert 24 <= len(notes) <= 64
        assert len(song) == 3 * len(notes) <= 192 == model.chain.longest
        assert notes.start[0] == 0
        assert (notes.end[:-1] <= notes.start[1:]).all()
        assert len(set(notes.family.tolist())) == 1
        assert set((notes.pitch % 12).tolist()) <= {0, 2, 4, 5, 7, 9, 11}


def test_no_note_can_cut_another_and_no_gap_needs_two_shifts():
    products = [tempo * length for tempo in midi.TEMPI for length in midi.LENGTHS]
    assert max(products) <= 100
    assert len(set(products)) == len(products)
    chain = synthetic_model("midi-synthetic").chain
    for by_length in (*chain._shift, *chain._shift_or_end):
        for length, slot in enumerate(by_length):
            steps = slot.tokens[slot.tokens != EOS] - SHIFT.start + 1
            assert steps.min() == steps[0]
            assert steps[0] in products
            assert len(steps) == len(midi.LENGTHS) - length


# --- probabilities


def test_priors_are_alpha_times_a_base_measure(model):
    allowed = {
        "lyrics": {1.0, lyrics.ALPHA},
        "midi": {1.0, midi.ALPHA_FIRST, midi.ALPHA_NOTE, midi.ALPHA_DUR, midi.ALPHA_SHIFT},
    }[model.kind]
    for prior in model.chain.prior:
        assert prior.min() > 1e-4
        assert min(abs(prior.sum() - alpha) for alpha in allowed) < 1e-12


def places(kind, song):
    """(context, token) of each draw, found from the tokens alone by the rules in the module's docstring."""
    if kind == "lyrics":
        return lyrics_places(song)
    return midi_places(song)


def lyrics_places(song):
    for t, token in enumerate(song):
        line = 0
        while line < t and song[t - line - 1] != BREAK:
            line += 1
        if t == 0 or (song[t - 1] == BREAK and (t == 1 or song[t - 2] == BREAK)):
            context = "OPEN"
        elif line == 0:
            context = "LINE" if t < 60 else "TURN" if t < 188 else "CLOSE"
        else:
            context = "FULL" if line == 10 else song[t - 1]
        yield context, token


def midi_places(song):
    family = (song[0] - NOTE.start) // 128
    tempo = next(tempo for tempo in (9, 11, 13, 16) if (song[1] - DUR.start + 1) % tempo == 0)
    for t, token in enumerate(song):
        if t < 2:
            yield t, token
        elif t % 3 == 0:
            yield ("NOTE", song[t - 3] - 128 * family), token - 128 * family
        elif t % 3 == 1:
            length = (song[t - 3] - DUR.start + 1) / tempo
            yield ("DUR", length, song[t - 1] - 128 * family), (token - DUR.start + 1) / tempo
        else:
            phase = "early" if t < 3 * 24 - 1 else "late" if t < 3 * 64 - 1 else "last"
            length = (song[t - 1] - DUR.start + 1) / tempo
            yield ("SHIFT", phase, length), token if token == EOS else (token - SHIFT.start + 1) / tempo


def strength(kind, context):
    """How many observations the base measure of a context counts for."""
    if kind == "lyrics":
        return 1.0 if context in ("CLOSE", "FULL") else 5.0
    if context in (0, 1):
        return 1.5
    return 1.0 if "last" in context else {"NOTE": 3.0, "DUR": 1.0, "SHIFT": 2.0}[context[0]]


@pytest.mark.parametrize("shots", [0, 1, 20])
def test_bayes_optimal_by_counts_over_contexts_found_from_the_tokens_alone(model, shots):
    songs = [model.song("mira corvane", index).tolist() for index in range(21)]
    support, query = songs[:shots], songs[20]
    base = np.exp(Predictive(model.chain, model.chain.prior, learns=False).log_probs(query))
    pairs = Counter(place for song in support for place in places(model.kind, song))
    totals = Counter(context for song in support for context, _ in places(model.kind, song))
    expected = []
    for t, (context, symbol) in enumerate(places(model.kind, query)):
        alpha = strength(model.kind, context)
        mass = alpha * base[t, query[t]] + pairs[context, symbol]
        expected.append(np.log(mass / (alpha + totals[context])))
        pairs[context, symbol] += 1
        totals[context] += 1
    predictive = model.bayes_optimal(support)
    rows = predictive.log_probs(query)
    np.testing.assert_allclose(rows[range(len(query)), query], expected, rtol=1e-9, atol=1e-12)
    assert isclose(predictive.nll(query), -sum(expected), rel_tol=1e-12)


def test_the_oracle_gives_each_symbol_of_a_context_the_frequency_that_it_has(model):
    songs = [song.tolist() for song in some_songs(model, ["hugo dulmar"], 24)]
    oracle, given, drawn = model.oracle("hugo dulmar"), {}, Counter()
    for song in songs:
        rows = oracle.log_probs(song)[range(len(song)), song]
        assert isclose(-rows.sum(), oracle.nll(song), rel_tol=1e-12)
        for place, log_prob in zip(places(model.kind, song), rows, strict=True):
            assert given.setdefault(place, log_prob) == log_prob
            drawn[place] += 1
    totals = Counter()
    for (context, _), count in drawn.items():
        totals[context] += count
    common = [place for place in drawn if totals[place[0]] >= 40]
    assert len(common) > 20
    for place in common:
        n, p = totals[place[0]], np.exp(given[place])
        assert abs(drawn[place] - n * p) <= 5 * np.sqrt(n * p * (1 - p) + 1)


def test_rows_are_distributions_over_what_the_codec_allows(model):
    codec = {"lyrics": WordsCodec, "midi": MidiCodec}[model.kind]()
    support = some_songs(model, ["mira corvane"], 3)
    query = model.song("mira corvane", 9)
    for predictive in (model.oracle("mira corvane"), model.bayes_optimal(support)):
        rows = predictive.log_probs(query)
        assert rows.shape == (len(query), codec.vocab_size)
        np.testing.assert_allclose(special.logsumexp(rows, axis=1), 0, atol=1e-12)
        for t in (0, 1, 2, 3, len(query) - 1):
            possible = np.isfinite(rows[t])
            assert not (possible & ~codec.allowed_next(query[:t])).any()


def test_the_curve_falls_from_0_to_5_shots_and_on_to_the_oracle(model):
    artists = [artist for artist in model.artists if split_of(artist) == "validation"]
    totals, tokens = Counter(), 0
    for artist in artists:
        songs = [model.song(artist, index) for index in range(22)]
        tokens += sum(map(len, songs[20:]))
        for shots in (0, 1, 2, 5, 10, 20):
            totals[shots] += sum(map(model.bayes_optimal(songs[:shots]).nll, songs[20:]))
        totals["oracle"] += sum(map(model.oracle(artist).nll, songs[20:]))
    curve = [totals[key] / tokens for key in (0, 1, 2, 5, 10, 20, "oracle")]
    assert all(later < earlier - 0.03 for earlier, later in itertools.pairwise(curve))
    assert curve[0] - curve[3] > 0.3


def test_songs_tell_their_artist(model):
    for artist in itertools.islice(model.artists, 0, None, 20):
        assert model.artist_of([model.song(artist, 5)]) == artist
    with pytest.raises(ValueError, match="at least one song"):
        model.artist_of([])
    with pytest.raises(ValueError, match="not a song of this model"):
        model.artist_of([[BREAK, EOS]])
