"""Line breaks in other notations become line breaks; other brackets and backslashes stay."""

import pytest

from fsdl_bench.sources.cleaning import LINE_BREAKS, Cleaner

cleaned = Cleaner().clean


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
