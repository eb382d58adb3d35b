"""Texts that stand for missing words are no songs; short songs are."""

import pytest

from fsdl_bench.errors import Rejected
from fsdl_bench.sources.cleaning import Cleaner, Sample, is_no_artist, is_placeholder

cleaned = Cleaner().clean


@pytest.mark.parametrize(
    "text",
    [
        "Instrumental",
        "[Instrumental]",
        "(instrumental)\n",
        "*** INSTRUMENTAL ***",
        "This song is instrumental.",
        "Lyrics not available",
        "not available",
        "N/A",
        "nan",
        "NaN",
        "None",
        "null",
        "Lyrics for this song have yet to be released. Please check back once the song has been released.",
        "We do not have the lyrics for this song yet.",
        '["Instrumental"]',
        "3 ContributorsThe Sea Lyrics[Instrumental]Embed",
    ],
)
def test_placeholders_are_no_songs(text):
    with pytest.raises(Rejected, match="placeholder"):
        cleaned(text, "The Sea")


@pytest.mark.parametrize(
    "text",
    ["None but the brave\n", "nan nan nan\n", "Instrumental in my fall\n", "ooh\n", "na na na na\n", ""],
)
def test_short_songs_are_songs(text):
    assert not is_placeholder(text)


@pytest.mark.parametrize(
    "text",
    [
        "[Instrumental Break]",
        "Instrumental version",
        "[Instrumental]\n[Instrumental]",
        "[Instrumental Intro]\n\n[Instrumental Outro]",
        "[Intro: Instrumental]",
        "This track is instrumental",
        "Instrumental song (3:45)",
        "This is an instrumental track, there are no words to sing.",
        "[Instrumental]\n\nWritten by Ada Stone",
        "Lyrics are not available",
        "The lyrics for this song are not available.",
        "Lyrics not yet available",
        "No lyrics for this song",
        "Sorry, we don’t have lyrics for this song yet",
        "Could not find lyrics",
        "Error: lyrics not found",
        "Lyrics: N/A",
        "This song has no lyrics",
        "We're sorry, but we do not have the lyrics for this song at this time, please check back later.",
        "Unfortunately we are not licensed to display the full lyrics for this song at the moment. Hopefully"
        " we will be able to in the future.",
        *("-", "...", "?", "0", "[]", "{}", r"\N", "''", "♪", "#NAME?", "<NA>", "暂无歌词"),
        "纯音乐，请欣赏",
        "此歌曲为没有填词的纯音乐，请您欣赏",
        "Letra no disponible",
        "Текст отсутствует",
    ],
)
def test_statements_and_missing_values_are_no_songs(text):
    assert is_placeholder(text)


@pytest.mark.parametrize(
    "text",
    [
        "No lyrics can say what I found in you",
        "No words for this song",
        "There is no song\nwithout you",
        "We have yet to find\nthe lyrics of the song you know\nwithout the words",
        "Not yet\nnot now",
        "no no no",
        "We were not found",
        "Instrumental to my fall, the instrumental break",
        "the lyrics of my heart",
        "无",
    ],
)
def test_short_poems_of_such_words_stay(text):
    assert not is_placeholder(text)


def samples(text, artists):
    own = [Sample(f"song {i * 31} has\nits own {i * 17} words\nand an end", f"A{i % 5}") for i in range(20)]
    return [*own, *(Sample(text, f"A{i % artists}") for i in range(4))]


def test_a_sentence_that_several_artists_have_is_no_song():
    notice = "Hey there! The words of this one went on holiday."
    with pytest.raises(Rejected, match="placeholder"):
        Cleaner.survey(samples(notice, 3)).clean(notice)
    assert Cleaner.survey(samples(notice, 2)).clean(notice) == (notice, ())
    verse = "Roses are red, violets are blue\nsugar is sweet, and so are you\n"
    assert Cleaner.survey(samples(verse, 4)).clean(verse) == (verse, ())


def test_lines_that_are_rows_of_their_own_stay():
    rows = [Sample("yeah yeah yeah", f"A{i % 5}") for i in range(30)]
    assert Cleaner.survey(rows).clean("yeah yeah yeah") == ("yeah yeah yeah", ())


@pytest.mark.parametrize(
    "name",
    ["nan", "N/A", "None", "NULL", "Unknown", "unknown artist", "Various Artists", "V.A.", "-", "[]", r"\N"],
)
def test_names_of_no_artist(name):
    assert is_no_artist(name)


@pytest.mark.parametrize("name", ["Nan Vernon", "!!!", "311", "The Unknown", "None More Black", "+/-", "A"])
def test_names_of_artists(name):
    assert not is_no_artist(name)
