"""Split, its artists and its songs, against the plain rows that they were made from."""

import base64
import gc
import pickle
from itertools import groupby

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fsdl_bench.codecs import load_codec
from fsdl_bench.errors import BadInput
from fsdl_bench.tracks.split import Split
from fsdl_bench.tracks.track import load_track

WORDS = load_codec("words-v1")
MIDI = load_codec("note10ms-v1")
TEXTS = {"b": ["mi lo\nna", "su", "ve ra do"], "a": ["ki sol", "ten\n\nlai"], "c": ["bri"]}
NOTE, DUR, EOS = 108 + 60, 2284 + 9, 2  # middle C on a piano, for 100 ms


def rows(texts=TEXTS):
    return [{"artist": artist, "tokens": WORDS.encode(t)} for artist, songs in texts.items() for t in songs]


@pytest.fixture
def split():
    return Split.from_rows("validation", WORDS, rows())


def test_artists_are_sorted_and_hold_their_own_songs(split):
    assert [artist.key for artist in split.artists] == ["a", "b", "c"]
    assert {artist.key: sorted(song.text for song in artist.songs) for artist in split.artists} == {
        key: sorted(texts) for key, texts in TEXTS.items()
    }
    assert [len(artist) for artist in split.artists] == [2, 3, 1]
    assert split.artist("b").name == "b"
    assert [artist.key for artist in split.artists[1:]] == ["b", "c"]
    assert split.artists[-1].key == "c"
    with pytest.raises(KeyError):
        split.artist("z")
    with pytest.raises(IndexError):
        split.artists[3]


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.lists(st.integers(4, 99), max_size=6)), max_size=30))
def test_every_song_is_found_once_under_its_artist(pairs):
    given = [{"artist": artist, "tokens": tokens} for artist, tokens in pairs]
    split = Split.from_rows("train", WORDS, given)
    found = [
        (artist.key, song.artist_key, tuple(song.tokens.tolist()))
        for artist in split.artists
        for song in artist.songs
    ]
    assert sorted(found) == sorted((artist, artist, tuple(tokens)) for artist, tokens in pairs)
    keys = [song.artist_key for song in split]
    assert [key for key, _ in groupby(keys)] == sorted(set(keys)), "an artist's songs are together"


def test_a_split_is_a_sequence_of_songs(split):
    assert len(split) == len(split.songs) == 6
    assert [song.id for song in split] == [song.id for song in split.songs] == [split[i].id for i in range(6)]
    assert split[-1] == split[5]
    assert [song.id for song in split.songs[4:1:-2]] == [split[4].id, split[2].id]
    with pytest.raises(IndexError):
        split[6]


def test_what_rows_leave_out_follows_from_the_tokens(split):
    song = split.artist("a").songs[0]
    assert song.units == len(song.text.encode())
    assert len(song.id) == 32
    assert song.work == song.id, "each song a work of its own"
    assert (song.licence, song.source, song.origin) == ("", "", "")
    assert split.digest != Split.from_rows("train", WORDS, rows()[1:]).digest


def test_what_rows_give_is_kept():
    row = {
        "artist": "Dvořák",
        "artist_key": "dvorak",
        "tokens": WORDS.encode("mi"),
        "song_id": "f" * 32,
        "title": "Rusalka",
        "work": "op. 114",
        "licence": "CC0",
        "source": "here",
        "origin": "x/y",
        "units": 77,
        "text": "more text than tokens",
    }
    split = Split.from_rows("train", WORDS, [row], track_name="toy", digest="abc")
    song = split[0]
    assert {name: getattr(song, name) for name in row if name not in ("tokens", "song_id")} == {
        name: value for name, value in row.items() if name not in ("tokens", "song_id")
    }
    assert (song.id, split.track_name, split.digest, split.name) == ("f" * 32, "toy", "abc", "train")


def test_songs_are_equal_by_content(split):
    again = Split.from_rows("train", WORDS, rows())
    assert set(split) == set(again)
    assert split[0] != split[1]
    assert split[0] != split[0].id


def test_to_pandas_holds_the_rows(split):
    frame = split.to_pandas()
    assert frame["text"].tolist() == [song.text for song in split]
    assert [tokens.tolist() for tokens in frame["tokens"]] == [song.tokens.tolist() for song in split]
    assert frame["artist_key"].tolist() == ["a", "a", "b", "b", "b", "c"]
    part = split.artist("b").songs.to_pandas()
    assert part["song_id"].tolist() == [song.id for song in split.artist("b").songs]


def test_to_torch_pads(split):
    tokens, lengths = split.to_torch()
    assert tokens.dtype == lengths.dtype == torch.int64
    assert tokens.shape == (6, max(len(song.tokens) for song in split))
    for row, length, song in zip(tokens, lengths, split, strict=True):
        assert row[:length].tolist() == song.tokens.tolist()
        assert (row[length:] == 0).all()


def test_an_empty_split_has_no_songs():
    split = Split.from_rows("test", WORDS, [])
    assert (len(split), len(split.artists), list(split), list(split.artists)) == (0, 0, [], [])
    assert split.to_pandas().empty
    assert [tensor.shape for tensor in split.to_torch()] == [(0, 0), (0,)]


def test_midi_songs_have_notes_and_lyrics_have_text():
    song = Split.from_rows("train", MIDI, [{"artist": "a", "tokens": [NOTE, DUR, EOS]}])[0]
    assert song.units == 1
    assert (song.notes.pitch.tolist(), song.notes.start.tolist()) == ([60], [0.0])
    assert song.notes.end[0] == pytest.approx(0.1)
    with pytest.raises(BadInput, match=r"midi.* have no text; use `\.notes`"):
        song.text  # noqa: B018


def test_lyrics_have_no_notes(split):
    for use in (lambda song: song.notes, lambda song: song.plot(), lambda song: song.to_pretty_midi()):
        with pytest.raises(BadInput, match=r"have no notes; use `\.text`"):
            use(split[0])


def test_to_pretty_midi_and_plot():
    song = Split.from_rows("train", MIDI, [{"artist": "a", "tokens": [NOTE, DUR, EOS], "title": "One"}])[0]
    (instrument,) = song.to_pretty_midi().instruments
    assert [(note.pitch, note.start) for note in instrument.notes] == [(60, 0.0)]
    figure = song.plot()
    assert "One" in "".join(
        text.get_text() for text in figure.findobj(lambda part: hasattr(part, "get_text"))
    )


def test_reprs_say_what_it_is(split):
    assert repr(split) == "<Split rows/validation: 3 artists, 6 songs>"
    assert repr(split.artists) == "<3 artists of rows/validation>"
    assert repr(split.artist("b")) == "<Artist 'b': 3 songs>"
    assert repr(split.songs[:2]) == "<2 songs of rows/validation>"
    song = Split.from_rows("train", WORDS, [{"artist": "A", "title": "T", "tokens": WORDS.encode("mi")}])[0]
    assert repr(song) == "<TrackSong 'T' by 'A': 2 bytes, 3 tokens>"


def test_in_a_notebook_lyrics_are_text_and_midi_is_a_picture():
    row = {"artist": "A & B", "title": "<T>", "tokens": WORDS.encode("mi\nlo")}
    song = Split.from_rows("train", WORDS, [row])[0]
    assert song._repr_html_() == "<b>&lt;T&gt;</b>, A &amp; B<pre>mi\nlo</pre>"
    song = Split.from_rows("train", MIDI, [{"artist": "a", "tokens": [NOTE, DUR, EOS]}])[0]
    picture = song._repr_html_().split("base64,")[1].rstrip('">')
    assert base64.b64decode(picture).startswith(b"\x89PNG")


@pytest.mark.parametrize("built", [False, True])
def test_pickled_for_a_worker_it_is_the_same(split, built, write_track):
    if built:
        split = load_track(write_track({"validation": TEXTS}), "validation")
    list(split.artists)  # what was made on use must not travel wrongly
    again, songs = pickle.loads(pickle.dumps((split, list(split.songs))))
    assert [song.tokens.tolist() for song in again] == [song.tokens.tolist() for song in split]
    assert songs == list(split)
    assert (again.name, again.digest, again.kind) == (split.name, split.digest, split.kind)
    assert songs[0].text == split[0].text


def test_workers_of_a_data_loader_read_the_same(write_track):
    split = load_track(write_track({"train": TEXTS}), "train")
    loader = torch.utils.data.DataLoader(
        split, batch_size=None, num_workers=1, multiprocessing_context="spawn", collate_fn=_tokens
    )
    assert list(loader) == [song.tokens.tolist() for song in split]


def _tokens(song):
    return song.tokens.tolist()


def test_nothing_leads_from_a_split_to_another(write_track):
    """No object that is reached from what `fit` gets is a track, another split, or names another's file."""
    track = load_track(write_track({"train": TEXTS, "test": {"secret artist": ["mi"]}}))
    test_ids = {id(track.test), id(track.test._arrays)}
    split = track.train
    list(split.artists), list(split), split.codec
    seen, waiting = set(), [split]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, type) or type(thing).__name__ in ("module", "function"):
            continue
        seen.add(id(thing))
        assert thing is not track
        assert id(thing) not in test_ids
        assert not (isinstance(thing, str) and ("secret" in thing or "test.arrow" in thing))
        waiting += gc.get_referents(thing)
    assert len(seen) > 50


def test_tokens_of_a_built_track_are_not_copied(write_track):
    split = load_track(write_track({"train": TEXTS}, shards=1), "train")
    first = split[0].tokens.ctypes.data
    offsets = np.cumsum([0, *(song.tokens.nbytes for song in split)])
    assert [song.tokens.ctypes.data - first for song in split] == offsets[:-1].tolist()
