"""Cleaning of lyrics in csv files: what rows share is found wherever it is, and names are plain."""


def test_names_in_printed_lists_are_plain_unless_asked_not_to(open_csv, contents):
    rows = [["artist", "song", "lyrics"], ["['Ada', 'Bob']", "One &amp; Two", "la la"]]
    assert contents(open_csv(rows)) == [("Ada, Bob", "One & Two", "la la")]
    assert contents(open_csv(rows, clean=False)) == [("['Ada', 'Bob']", "One &amp; Two", "la la")]


def test_rows_of_no_artist_are_rejected_unless_asked_not_to(open_csv, contents):
    rows = [["artist", "lyrics"], ["Various Artists", "la la"], ["nan", "la la la"], ["Ada", "la"]]
    source = open_csv(rows)
    assert contents(source) == [("Ada", "", "la")]
    assert [row[1:] for row in source.rejected] == [("no artist", "Various Artists"), ("no artist", "nan")]
    assert len(contents(open_csv(rows, clean=False))) == 3


FOOTER = "\n\nSource: the great archive\nCopyright by the archive, all rights reserved"


def _rows(start, stop, footer=FOOTER):
    texts = (f"song {n * 31} is\nabout {n * 17} things\nand {n} more{footer}" for n in range(start, stop))
    return [["artist", "lyrics"], *([f"A{n % 8}", text] for n, text in enumerate(texts))]


def test_footers_are_found_wherever_they_are(open_csv, contents):
    """Most texts have one, but none of the first 400."""
    rows = _rows(0, 400, "") + _rows(400, 1000)[1:]
    kept = [text.strip() for _, _, text in contents(open_csv(rows))]
    assert kept == [text.removesuffix(FOOTER) for _, text in rows[1:]]


def test_small_files_are_surveyed_together_and_a_few_large_ones_alone(open_csv, contents):
    small = {f"{n}.csv": _rows(10 * n, 10 * n + 10) for n in range(8)}
    assert [text for _, _, text in contents(open_csv(small)) if "archive" in text] == []
    pages = [f"\nLyrics of page {page}: www.{page}.com" for page in "abc"]
    large = {f"{n}.csv": _rows(30 * n, 30 * n + 30, page) for n, page in enumerate(pages)}
    assert [text for _, _, text in contents(open_csv(large)) if "www" in text] == []
