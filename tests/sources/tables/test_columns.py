"""Columns by their names: the words that count, and those that rule a column out."""

import pytest

from fsdl_bench.sources.common.text import listed
from fsdl_bench.sources.tables.columns import find_column

NAMES = {
    "artist": [
        *("artist", "Artist Name", "track_artist", "artist(s)", "Artist Name(s)", "Band Name", "by"),
        *("primary_artist", "singer_name", "artist.name", "poet name", "poem author", "trackArtist"),
    ],
    "title": ["song", "Song Title", "track_name", "name", "poem title", "poem name", "trackName", "song(s)"],
    "text": [
        *("lyrics", "Song Lyrics", "lyrics_text", "lyrics_clean", "cleaned lyrics", "poem text", "body"),
        *("verse", "poem content", "Lyric(s)"),
    ],
}


@pytest.mark.parametrize(("role", "name"), [(role, name) for role in NAMES for name in NAMES[role]])
def test_columns_are_found_by_their_words(role, name):
    assert find_column(role, ["id", name, "year"]) == 1
    assert [find_column(other, [name]) for other in NAMES if other != role] == [None, None]


@pytest.mark.parametrize("word", ["id", "url", "link", "genre", "year", "language", "count", "popularity"])
def test_another_word_rules_a_column_out(word):
    for role, (first, *_) in NAMES.items():
        assert find_column(role, [f"{first}_{word}", f"{word} {first}", f"{first}{word.title()}"]) is None


def test_the_plainest_name_is_taken():
    assert find_column("text", ["lyrics_clean", "text", "lyrics"]) == 2
    assert find_column("title", ["track", "name", "track_name"]) == 2
    assert find_column("artist", ["track_artist", "artist"]) == 1
    assert find_column("artist", ["artist", "artist_name"], unlikely=[0]) == 1
    assert find_column("artist", ["artist"], unlikely=[0]) == 0


def test_names_in_messages_are_short():
    assert listed(["a", "b" * 100]) == f"a, {'b' * 60}..."
    assert listed(["x"] * 50).endswith("x and 10 more")
