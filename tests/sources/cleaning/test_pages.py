"""Boilerplate of lyrics pages is removed; lyrics that look like it stay."""

import pytest

from fsdl_bench.sources.cleaning import SHARED, Cleaner

cleaned = Cleaner().clean
VERSE = "In the garden by the wall\nroses climb and roses fall\n"


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
