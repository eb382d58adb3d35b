"""First and last lines that most texts share are removed if they cannot be lyrics."""

import pytest

from fsdl_bench.sources.cleaning import FIRST_LINES, SHARED, Cleaner, Sample


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


def stanzas(i):
    """Sixteen lines that no two songs share."""
    words = ("amber", "river", "window", "winter", "stone", "garden", "harbour")
    return [
        f"{words[(i + k) % 7]} {chr(97 + i % 26)}{chr(97 + k)} {words[(i * k) % 7]} {i * 31 + k}th"
        for k in range(16)
    ]


def lyrics(i):
    return "\n".join(stanzas(i)) + "\n"


def of_each_line(pattern):
    return lambda i: "\n".join(
        pattern.format(line=line, n=n + 1, who=("He", "She")[n % 2], time=f"00:{n * 3:02}.{n * 7 % 100:02}")
        for n, line in enumerate(stanzas(i))
    )


@pytest.mark.parametrize(
    "text",
    [
        of_each_line("[{time}]{line}"),
        of_each_line("{n}: {line}"),
        of_each_line("{n}  {line}"),
        of_each_line("{who}: {line}"),
        of_each_line("Verse {n}: {line}"),
        of_each_line("Text: {line}"),
        of_each_line("\t{line}"),
        lambda i: f"{lyrics(i)}\nChorus: words {i * 3} here\nChorus: there {i * 7} too",
        lambda i: f"{lyrics(i)}\nAll: words {i * 3} here",
        lambda i: f"{lyrics(i)}[Outro]\nLa la la\nLa la la la",
        lambda i: f"{lyrics(i)}Hallelujah, hallelujah\nAmen, amen",
        lambda i: f"{lyrics(i)}\nGlory be to the Father and to the Son\nand to the Holy Ghost",
        lambda i: f"{lyrics(i)}(Repeat chorus and fade)\n(x2)",
        lambda i: f"{lyrics(i)}This is\nThe end",
        lambda i: f"[Intro]\nYeah, yeah\n[Verse 1]\n{lyrics(i)}",
        lambda i: f"Verse 1:\nOh, oh, oh\n{lyrics(i)}",
    ],
)
@pytest.mark.parametrize("footer", ["", "\n\nCopyright {year} by the archive\nAll rights reserved"])
def test_lyrics_of_the_same_form_stay(text, footer):
    """Labels, numbers, refrains and section tags are shared by most songs, and are lyrics."""
    texts = [text(i) + footer.format(year=1900 + i) for i in range(40)]
    cleaner = Cleaner.survey(texts)
    for i, whole in enumerate(texts):
        assert cleaner.clean(whole)[0].rstrip() == text(i).rstrip()


def test_a_text_that_is_all_footer_stays():
    texts = collection(40, footer)
    alone = footer(3)
    assert Cleaner.survey(texts).clean(alone) == (alone, ())


def test_at_most_half_of_a_text_is_removed_by_its_labels():
    texts = [
        f"{lyrics(i)}\nArtist: somebody {chr(97 + i % 26)}\nTitle: song of {chr(97 + i % 23)}"
        for i in range(40)
    ]
    cleaner = Cleaner.survey(texts)
    assert cleaner.clean(texts[0])[0] == lyrics(0)
    short = "a single line\nArtist: nobody at all\nTitle: two lines more"
    assert cleaner.clean(short) == (short, ())


PLACES = ("Oslo", "Rome", "Lima", "Cairo", "Perth")


@pytest.mark.parametrize(
    "footer",
    [
        "Copyright {year} {artist}",
        "© {artist} Music",
        "Lyrics © {place} Publishing LLC",
        "Retrieved on {day} July {year}",
        "Page {day} of {n}",
        "Translated by {artist} in {year}",
        "Written by {artist}",
        "— {artist}, {year}",
        "typed by {place}@example.org",
        "Songwriters: {artist} / {place}",
        "Writer(s): {artist}",
        "www.azlyrics.com/lyrics/{place}/{n}x.html",
        "Downloaded from the archive\n{artist}",
        "Downloaded from the archive\n{title}",
        "Copyright the archive\nAll rights reserved\nID b5aee{n}fa58",
        "-----\nadded {month}/{day}/{year}",
        "{month}/{day}/{year}",
        "{n},{year} views",
        "Powered by Musixmatch",
        "THE END",
        "{sign} 1999 Xmusic",
        "All rights reserved.\n\n{n}",
        "All rights reserved.\n\n- {n} -",
        "Copyright by the Publisher\nPage {n}",
        "{spelling}",
        "\n".join(f"Clause {k} of the licence says that {PLACES[k % 5]} is far." for k in range(22)),
    ],
)
@pytest.mark.parametrize("named", [False, True])
def test_footers_whose_parts_vary_are_removed(footer, named):
    samples = []
    for i in range(60):
        artist, title = f"{PLACES[i % 5]} Stone", f"{PLACES[i * 7 % 5]} {chr(65 + i % 26)}ay"
        parts = {
            "year": 1950 + i,
            "day": 1 + i % 28,
            "month": 1 + i % 12,
            "n": 7 * i,
            "place": PLACES[i * 3 % 5],
        }
        spelling = ("Copyright by X", "COPYRIGHT BY X", "copyright  by X", "Copyright by X.")[i % 4]
        sign = ("©", "(c)")[i % 2]
        end = footer.format(artist=artist, title=title, spelling=spelling, sign=sign, **parts)
        samples.append(Sample(f"{lyrics(i)}\n{end}", artist if named else "", title if named else ""))
    cleaner = Cleaner.survey(samples)
    for i, sample in enumerate(samples):
        assert cleaner.clean(sample.text, sample.title, sample.artist) == (lyrics(i), (SHARED,))


@pytest.mark.parametrize(
    "header",
    [
        "Artist: {artist}\nTitle: {title}\n\n",
        "---\ntitle: {title}\nartist: {artist}\n---\n\n",
        "{title}\nby {artist}\n\n",
        "{title}\n\n",
        "Lyrics from www.lyricsarchive.com\n==========\n\n",
    ],
)
def test_headers_that_most_texts_share_are_removed(header):
    samples = []
    for i in range(60):
        artist, title = f"{PLACES[i % 5]} Stone", f"{PLACES[i * 7 % 5]} {chr(65 + i % 26)}ay"
        samples.append(Sample(header.format(artist=artist, title=title) + lyrics(i), artist, title))
    cleaner = Cleaner.survey(samples)
    for i, sample in enumerate(samples):
        assert cleaner.clean(sample.text, sample.title, sample.artist) == (lyrics(i), (FIRST_LINES,))


def test_lines_between_a_footer_and_a_header_of_one_form_stay():
    """Lines that differ in their numbers only are alike, and are no footer for it."""
    texts = [
        f"song {i} opens\nwith {i * 7} things\nand {i * 3} more\nLyrics of a page: www.p.com"
        for i in range(40)
    ]
    cleaner = Cleaner.survey(texts)
    assert all(cleaner.clean(text)[0] == text[: text.index("Lyrics")] for text in texts)
