"""Cleaning of lyrics: line breaks, placeholders, boilerplate, shared last lines; and what must stay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsdl_bench.errors import Rejected
from fsdl_bench.sources.cleaning import LINE_BREAKS, SHARED, Cleaner, is_placeholder

PLAIN = Cleaner()
VERSE = "In the garden by the wall\nroses climb and roses fall\n"


def cleaned(text, title=""):
    return PLAIN.clean(text, title)


@pytest.mark.parametrize(
    "text",
    [
        r"one line\nanother line\nthe end",
        r"one line\r\nanother line\r\nthe end",
        r"one line\\nanother line\\nthe end",
        "one line<br>another line<br/>the end",
        "one line<BR />\nanother line<br>\nthe end",
        "['one line', 'another line', 'the end']",
        r"""["one line\r", 'another line\r', "the end"]""",
        '["one line", "another line", "the end"]',
    ],
)
def test_line_breaks_in_other_notations(text):
    assert cleaned(text) == ("one line\nanother line\nthe end", (LINE_BREAKS,))


@pytest.mark.parametrize(
    "text",
    [
        "[Verse 1]\nhe said \\no\\ to me\n[Chorus]",
        "[a line in brackets]",
        "a path like C:\\new\nand a line",
        "1 < 2 and 3 > 2\nbr br",
        "[1, 2, 3]",
        "['never closed, 'at all']",
    ],
)
def test_other_brackets_and_backslashes_stay(text):
    assert cleaned(text) == (text, ())


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
    ("text", "kept"),
    [
        ("17 ContributorsTranslationsEspañolDeutschThe Sea Lyrics[Verse 1]\n" + VERSE, "[Verse 1]\n" + VERSE),
        ("1 ContributorThe Sea Lyrics" + VERSE, VERSE),
        (
            "9 ContributorsThe Sea Lyrics“The Sea” is a song about the sea… Read More\u00a0[Verse 1]\n"
            + VERSE,
            "[Verse 1]\n" + VERSE,
        ),
        ("The Sea Lyrics\n" + VERSE, "\n" + VERSE),
        (VERSE + "the last line31Embed", VERSE + "the last line"),
        (VERSE + "the last lineEmbed\n", VERSE + "the last line"),
        (VERSE + "the last line1.2KEmbed", VERSE + "the last line"),
        (VERSE + "Embed", VERSE),
        ("See Ada LiveGet tickets as low as $63You might also like\n" + VERSE, "\n" + VERSE),
        (VERSE + "You might also like[Chorus]\nla la", VERSE + "[Chorus]\nla la"),
        (VERSE + "You might also like\nla la", VERSE + "la la"),
        (VERSE + "\n...\n\n******* This Lyrics is NOT for Commercial use *******\n(1409617829201)", VERSE),
        (VERSE + "Submit Corrections\nThanks to Jo, Flo for correcting these lyrics.\n", VERSE),
    ],
)
def test_boilerplate_of_pages(text, kept):
    found, removed = cleaned(text, "The Sea")
    assert found.rstrip() == kept.rstrip()
    assert removed
    assert SHARED not in removed


@pytest.mark.parametrize(
    "text",
    [
        VERSE + "You might also like the rain\n",
        VERSE + "in stone they will embed\n",
        VERSE + "5 contributors to my grief\n",
        VERSE + "see the live show, get tickets\n",
        "The Sea Lyrics are lost\n" + VERSE,
    ],
)
def test_lyrics_that_look_alike_stay(text):
    if not text.startswith("The Sea"):
        assert cleaned(text, "The Sea") == (text, ())
    assert VERSE in cleaned(text)[0]


def collection(count, footer):
    return [f"verse {chr(97 + i % 26)} of song {i}\n{body(i)}\n\n{footer(i)}" for i in range(count)]


def body(i):
    return f"{'abcdefg'[i % 7]}{i} ends its own {i * 7919}"


def footer(i):
    return (
        "____________________\n"
        f"Name  song {i}\n"
        f"Artist:  {'Ada' if i % 2 else 'Bob'} and the Band\n"
        "Album\tThe Long Title\n"
        f"Original text by  {chr(97 + i % 26)} Surname\n"
        f"Copyright {1900 + i} by the publishers number {i}\n"
        "All rights reserved"
    )


def test_last_lines_that_most_texts_share_are_removed():
    texts = collection(40, footer)
    cleaner = Cleaner.survey(texts)
    for i, text in enumerate(texts):
        found, removed = cleaner.clean(text)
        assert found == f"verse {chr(97 + i % 26)} of song {i}\n{body(i)}\n"
        assert removed == (SHARED,)


def test_a_text_without_the_footer_keeps_its_end():
    cleaner = Cleaner.survey(collection(40, footer))
    text = "something else\nAlbum of my heart\nwithout an end\n"
    assert cleaner.clean(text) == (text, ())


def test_what_few_texts_share_stays():
    texts = collection(40, lambda i: footer(i) if i % 3 == 0 else f"{i * 31} ends in its own way")
    cleaner = Cleaner.survey(texts)
    assert cleaner.clean(texts[0]) == (texts[0], ())
    assert Cleaner.survey(collection(10, footer)) == Cleaner()  # too few to tell


def test_common_first_words_alone_remove_nothing():
    """Most poems have a line that begins with "and the"; some end with one."""
    texts = [f"{i} opens\nand the {i * 31} sea\n{i} goes on\nand the wind {i * 17}\n" for i in range(40)]
    cleaner = Cleaner.survey(texts)
    assert cleaner.clean(texts[3]) == (texts[3], ())


@pytest.mark.parametrize(
    ("line", "stays"),
    [("Amen.", True), ('"quoted, line"', True), ("Lyrics provided by a page", False), ("\u00a9 1999", False)],
)
def test_a_single_line_that_all_share(line, stays):
    texts = collection(40, lambda _: line)
    found, removed = Cleaner.survey(texts).clean(texts[0])
    assert (found == texts[0]) == stays
    assert removed == (() if stays else (SHARED,))


def test_a_refrain_of_one_artist_is_not_shared_by_most():
    texts = [
        f"line {i} of many\n{'Sing hey, sing ho' if i % 4 == 0 else f'{i} ends alone'}\n" for i in range(40)
    ]
    cleaner = Cleaner.survey(texts)
    assert cleaner.clean(texts[0]) == (texts[0], ())


@given(st.text(max_size=300), st.text(max_size=20))
def test_any_text_is_cleaned_or_rejected(text, title):
    try:
        found, removed = cleaned(text, title)
    except Rejected:
        return
    if not removed:
        assert found == text


@given(st.lists(st.text(max_size=80), max_size=30))
def test_any_collection_can_be_surveyed(texts):
    cleaner = Cleaner.survey(texts)
    for text in texts:
        try:
            cleaner.clean(text)
        except Rejected:
            continue
