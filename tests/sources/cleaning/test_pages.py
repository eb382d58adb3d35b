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
        ("The Sea Lyrics\n" + VERSE, VERSE),
        (VERSE + "the last line31Embed", VERSE + "the last line"),
        (VERSE + "the last lineEmbed\n", VERSE + "the last line"),
        (VERSE + "the last line1.2KEmbed", VERSE + "the last line"),
        (VERSE + "Embed", VERSE),
        ("See Ada LiveGet tickets as low as $63You might also like\n" + VERSE, VERSE),
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
        VERSE + "I thought You might also like\nthe rain\n",
        VERSE + "you might also like\n",
        VERSE + "thanks to you for the lyrics\n",
        VERSE + "the writer, Ada Stone\n",
        "Translations\n" + VERSE,
        "The Sea Lyrics are lost\n" + VERSE,
    ],
)
def test_lyrics_that_look_alike_stay(text):
    assert cleaned(text, "The Sea") == (text, ())


@pytest.mark.parametrize(
    "header",
    [
        "24 Contributors\nTranslations\nEspañol\nPortuguês\nThe Sea Lyrics\n",
        "24 Contributors\n[Translations\nEspañol\nPortuguês]\nThe Sea Lyrics\n",
        "24 Contributors\r\n\r\nThe Sea Lyrics\r\n",
        "TranslationsDeutsch\u200bFrançaisThe Sea Lyrics",
        "1.2K ContributorsThe Sea Lyrics",
        "1,204 ContributorsTHE SEA Lyrics",
        "7 Contributors The sea Lyrics ",
        "9 ContributorsThe Sea Lyrics“The Sea” is a song about\nthe sea, and lyrics… Read More\u00a0\n",
        '9 ContributorsThe Sea Lyrics"The Sea" is a song by Ada... Read More\n',
        "the sea Lyrics\n",
        "[The Sea Lyrics]\n\n",
        "Ada Stone - The Sea Lyrics\n",
        "The Sea Lyrics by Ada Stone\n",
    ],
)
@pytest.mark.parametrize("text", ["[Verse 1: Ada]\n" + VERSE, "Read the lyrics\nRead More books\n"])
def test_header_is_removed_up_to_the_words(header, text):
    assert cleaned(header + text, "The Sea", "Ada Stone") == (text, ("header of a lyrics page",))


def test_a_title_is_known_without_what_it_has_in_brackets():
    assert cleaned("The Sea Lyrics[Verse]\n" + VERSE, "The Sea (Live)")[0] == "[Verse]\n" + VERSE
    assert cleaned("5 ContributorsWrong Lyrics LyricsHello\n", "Wrong Lyrics")[0] == "Hello\n"
    assert cleaned("5 ContributorsThe Sea Lyricshello\n", "The Sea")[0] == "hello\n"
    assert cleaned("5 ContributorsI Don’t Know LyricsHello\n", "I Don't Know")[0] == "Hello\n"


@pytest.mark.parametrize(
    "end",
    [
        "Embed",
        "4Embed",
        "1.2KEmbed",
        "12Embed\r\n",
        "\n4\nEmbed",
        "\n4Embed\n",
        " Embed",
        "EmbedShare URLCopyEmbedCopy",
        "3EmbedShare URLCopyEmbedCopy",
        "\n3\nEmbed\nShare URL\nCopy\nEmbed\nCopy\n",
        "You might also like2Embed",
        "You might also like 31 Embed",
        "You might also like",
    ],
)
@pytest.mark.parametrize("last", ["the end.", "the end!", "(the end x2)", "the end", "the end…"])
def test_end_of_a_page_takes_no_punctuation_with_it(last, end):
    assert cleaned(VERSE + last + end)[0].rstrip() == VERSE + last


@pytest.mark.parametrize(
    "last", ["in 1999", "line 31", "sing it x2", "in ’99", "for $5", "at 4:20", "3.5", "1999"]
)
def test_a_number_that_ends_the_words_stays(last):
    assert cleaned(f"{VERSE}{last}Embed")[0] == VERSE + last


@pytest.mark.parametrize("price", ["$63", "$1,263", "$63.50", "€63", "63 €", "CA$63", "£1,263.50", "R$63"])
@pytest.mark.parametrize(
    "page",
    [
        "{}See Ada LiveGet tickets as low as {}You might also like[Chorus]\nla",
        "{}See Ada Live\nGet tickets as low as {}\nYou might also like\n[Chorus]\nla",
        "{}See Ada Live\r\nGet tickets as low as {} \r\n[Chorus]\r\nla",
    ],
)
def test_advertisement_is_removed_with_its_price(price, page):
    assert cleaned(page.format(VERSE, price)) == (VERSE + "[Chorus]\nla", ("advertisement",))


@pytest.mark.parametrize("like", ["You might also like  [Chorus]", "You might also like\r\n[Chorus]"])
def test_recommendation_before_a_section_is_removed(like):
    assert cleaned(f"{VERSE}{like}\nla")[0] == VERSE + "[Chorus]\nla"


@pytest.mark.parametrize(
    "notice",
    [
        "Thanks to Jo for adding these lyrics!",
        "Thanks to jo@x.org for these lyrics.",
        "[Thanks to Jo for lyrics]",
        "Writer(s): Ada Stone\nLyrics powered by www.musixmatch.com",
        "Lyrics licensed by LyricFind",
    ],
)
def test_notices_are_removed_whole(notice):
    assert cleaned(f"{VERSE}{notice}\n") == (VERSE, ("notice of a lyrics page",))
