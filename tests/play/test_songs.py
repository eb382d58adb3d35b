"""Songs of the page: reading files, bars, beginnings, the surprise of notes and words."""

import numpy as np
import pytest

from fsdl_bench.codecs import load_codec
from fsdl_bench.codecs.base import EOS
from fsdl_bench.codecs.lyrics import LyricsCodec
from fsdl_bench.codecs.words import WORDS
from fsdl_bench.errors import BadInput, Rejected
from fsdl_bench.play.songs import page_song, read_upload, song_of, surprise

MIDI = load_codec("note10ms-v1")


def test_a_midi_file_has_notes_bars_and_programs(songs):
    data = (songs / "My tune 1.mid").read_bytes()
    (content,) = read_upload(data, "My_tune 1.MID", "midi")
    song = page_song(content, MIDI)
    assert song.title == "My_tune 1"
    assert dict(song.programs) == {3: 24}
    assert song.families == {3}
    assert song.bars == pytest.approx([0, 2, 4, 6, 8, 10, 12, 14])
    shown = song.as_json()
    assert len(shown["notes"]) == shown["units"] == 60
    assert shown["notes"][1][:3] == [0.25, 0.45, 3]


@pytest.mark.parametrize(
    ("name", "data", "kind", "reason"),
    [
        ("a.mid", b"MThd\x00\x00", "midi", "damaged|not a MIDI"),
        ("a.mid", b"", "midi", "empty file"),
        ("a.txt", b"words", "midi", "expected .mid"),
        ("a.mid", b"MThd", "lyrics", "expected .txt"),
        ("a.txt", b" \n ", "lyrics", "no text"),
        ("a.abc", b"no tune", "midi", "no line begins with X:"),
    ],
)
def test_a_file_that_is_no_song_is_refused_with_a_reason(name, data, kind, reason):
    with pytest.raises(Rejected, match=reason):
        read_upload(data, name, kind)


def test_an_abc_file_may_hold_several_tunes():
    data = b"X:1\nT:One\nM:4/4\nL:1/4\nK:C\nCDEF|\nX:2\nT:Two\nM:4/4\nL:1/4\nK:C\nGABc|\n"
    assert [content.title for content in read_upload(data, "both.abc", "midi")] == ["One", "Two"]


def test_the_beginning_of_a_tune_ends_before_the_bar(songs):
    (content,) = read_upload((songs / "My tune 2.mid").read_bytes(), "a.mid", "midi")
    song = page_song(content, MIDI)
    whole, kept = MIDI.decode(song.tokens), MIDI.decode(song.beginning(3))
    assert len(kept) == np.count_nonzero(whole.start < 4) == 16
    np.testing.assert_array_equal(kept.pitch, whole.pitch[:16])
    assert EOS not in song.beginning(3)
    for part in (1, 9):
        with pytest.raises(BadInput, match="expected a bar from 2 to 8"):
            song.beginning(part)


def test_the_beginning_of_a_text_ends_before_the_line():
    text = "one line\nanother line\na third\n"
    song = song_of("poem", (codec := LyricsCodec.train([text] * 3, vocab_size=280)).encode(text), codec)
    assert codec.decode(song.beginning(3)) == "one line\nanother line\n"
    with pytest.raises(BadInput, match="expected a line from 2 to 3"):
        song.beginning(4)


def test_each_note_has_the_nats_of_its_tokens(songs):
    """Against a loop over the tokens."""
    (content,) = read_upload((songs / "My tune 3.mid").read_bytes(), "a.mid", "midi")
    tokens = page_song(content, MIDI).tokens
    nats = np.random.default_rng(1).random(len(tokens))
    kinds, expected = MIDI.token_kinds(), []
    waiting = 0.0
    for token, value in zip(tokens.tolist(), nats, strict=True):
        if kinds["shift"].start <= token < kinds["shift"].stop:
            waiting += value
        elif kinds["note"].start <= token < kinds["note"].stop:
            expected.append(waiting + value)
            waiting = 0.0
        elif token != EOS:
            expected[-1] += value
    found = surprise(MIDI, tokens, (nats, 2 * nats))
    assert [row[0] for row in found] == pytest.approx(expected, abs=2e-3)
    assert [row[1] for row in found] == pytest.approx(2 * np.array(expected), abs=2e-3)


def test_words_have_their_text_and_their_nats():
    codec = load_codec("words-v1")
    tokens = codec.encode(f"{WORDS[1]} {WORDS[2]}")
    nats = np.arange(1.0, len(tokens) + 1)
    found = surprise(codec, tokens, (nats, 2 * nats))
    assert "".join(row[0] for row in found) == codec.decode(tokens)
    assert sum(row[1] for row in found) == pytest.approx(nats[tokens != EOS].sum(), abs=2e-3)
    assert [row[2] for row in found] == pytest.approx([2 * row[1] for row in found], abs=2e-3)
