"""Support from files and folders of one's own, and from frozen episodes."""

import shutil

import numpy as np
import pytest

from fsdl_bench.codecs.midi import MidiCodec
from fsdl_bench.codecs.words import WORDS, WordsCodec
from fsdl_bench.episodes import evaluation_episodes
from fsdl_bench.errors import BadInput
from fsdl_bench.generation.support import episode_support, find_episode, read_support
from fsdl_bench.tracks.track import load_track


def test_a_folder_gives_its_songs_and_tells_what_it_left_out(own_songs, tune):
    logged = []
    songs = read_support([own_songs], MidiCodec(), logged.append)
    assert [song.title for song in songs] == ["second", "First Tune"]
    np.testing.assert_array_equal(songs[0].tokens, tune(2))
    np.testing.assert_array_equal(songs[1].tokens, tune(1))
    (line,) = logged
    assert "broken.mid: damaged file" in line
    assert "verse.txt: not a MIDI file" in line
    assert "cover.png: not a MIDI file" in line


def test_lyrics_are_made_canonical_and_encoded(own_songs):
    (song,) = read_support([own_songs / "verse.txt"], WordsCodec())
    assert WordsCodec().decode(song.tokens) == f"{WORDS[1]} {WORDS[2]}\n{WORDS[3]}"
    assert song.title == "verse"


def test_a_song_is_cut_as_a_track_cuts_it(tmp_path):
    (tmp_path / "long.txt").write_text("\n".join([WORDS[0]] * 400))
    (song,) = read_support([tmp_path / "long.txt"], WordsCodec())
    assert len(song.tokens) == 512


def test_the_order_given_is_kept_and_doubles_count_once(own_songs, tmp_path):
    first, second = own_songs / "First Tune.MID", own_songs / "Album" / "second.mid"
    again = shutil.copy(first, tmp_path / "again.mid")
    logged = []
    songs = read_support([first, second, again], MidiCodec(), logged.append)
    assert [song.title for song in songs] == ["First Tune", "second"]
    assert "again.mid: the same as First Tune" in logged[0]


@pytest.mark.parametrize(
    ("name", "codec", "message"),
    [
        ("nothing.mid", MidiCodec(), "nothing.mid: no such file or folder"),
        ("broken.mid", MidiCodec(), "broken.mid: damaged file"),
        ("verse.txt", MidiCodec(), r"verse.txt: not a MIDI file.* .a midi track needs \.mid"),
        ("First Tune.MID", WordsCodec(), r"First Tune.MID: not a text file.*a lyrics track needs \.txt"),
        ("Album", WordsCodec(), r"Album: expected lyrics songs \(\.txt\), found none:\n  second.mid: not a"),
    ],
)
def test_what_cannot_be_read_is_named(own_songs, name, codec, message):
    with pytest.raises(BadInput, match=message):
        read_support([own_songs / name], codec)


def test_words_that_a_codec_lacks_are_named(tmp_path):
    (tmp_path / "song.txt").write_text("hello")
    with pytest.raises(BadInput, match=r"song.txt: not a song of this track's codec: .*'hello'"):
        read_support([tmp_path / "song.txt"], WordsCodec())


def test_an_empty_folder_has_no_song(tmp_path):
    with pytest.raises(BadInput, match=r"found none$"):
        read_support([tmp_path], MidiCodec())


def test_an_episode_is_found_by_name_or_key(tracks):
    track = load_track("tunes")
    episodes = evaluation_episodes(track.test, track.definition)
    assert find_episode(episodes, "dora dur") is episodes[0]
    assert find_episode(episodes, "Dora Dür:3") is episodes[3]
    songs = episode_support(episodes[0], 2)
    assert [song.title for song in songs] == [song.title for song in episodes[0].support[:2]]
    assert episode_support(episodes[0], 0) == []


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("dora moll", "no evaluated artist is called 'dora moll'. Did you mean dora dur"),
        ("dora dur:4", "has the episodes 0, 1, 2, 3"),
    ],
)
def test_an_episode_that_is_not_there_is_named(tracks, wanted, message):
    track = load_track("tunes")
    with pytest.raises(BadInput, match=message):
        find_episode(evaluation_episodes(track.test, track.definition), wanted)


def test_no_episode_has_so_many_songs(tracks):
    track = load_track("tunes")
    with pytest.raises(BadInput, match=r"--shots 6: .*between 0 and 5"):
        episode_support(evaluation_episodes(track.test, track.definition)[0], 6)
