"""Line breaks in other notations become line breaks; other brackets and backslashes stay."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsdl_bench.sources.cleaning import LINE_BREAKS, Cleaner, plain_name
from fsdl_bench.sources.cleaning.literals import lines_of, string_of

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


LINES = "one line\nit's another\nthe end"


@pytest.mark.parametrize(
    "text",
    [
        "['one line' \"it's another\" 'the end']",
        "['one line'\n \"it's another\"\n 'the end']",
        "array(['one line', \"it's another\", 'the end'], dtype=object)",
        "('one line', 'it\\'s another', 'the end')",
        "{'one line', 'it\\'s another', 'the end'}",
        "['one line', nan, 'it\\'s another', None, 'the end']",
        "['one line', 'it's another', 'the end']",
        "[u'one line', u'it\\'s another', u'the end']",
        "['one line', 'it\\'s another', 'the end",
        "['one line', 'it\\'s another', 'the end',",
        "[\"['one line', 'it\\\\'s another', 'the end']\"]",
        '"one line\\nit\'s another\\nthe end"',
        "b'one line\\nit\\'s another\\nthe end'",
        "one line\\n\nit's another\\n\nthe end",
        "one line\\\nit's another\\\nthe end",
        "one line_x000D_\nit's another_x000D_\nthe end",
        "one line\u2028it's another\u2029the end",
        "one line\x0bit's another\x85the end",
        "one line \\n it's another \\n the end",
        "one line</br>it's another<br clear=all>the end",
        "one line&lt;br&gt;it&#39;s another&lt;br /&gt;the end",
        "<i>one</i> line<br>it&#x27;s <b>another</b><br>the end",
        "<p>one line</p><p>it&apos;s another</p>\n<p>the end</p>",
        "<div>one line</div><div>it's another</div><div>the end</div>",
        "<p class='x'>one line<br>\nit's another<br>\nthe end</p>",
        "one line&#13;&#10;it's another&#10;the&nbsp;end",
    ],
)
def test_printed_lists_escapes_and_markup_become_lines(text):
    assert cleaned(text) == (LINES, (LINE_BREAKS,))


@pytest.mark.parametrize(
    "text",
    [
        "[['one', 'two'], ['three']]",
        "(('one', 'two'), ('three',))",
        '[["one", "two"], ["three"]]',
        "<p>one<br>two</p><p>three</p>",
        "one<br>two<br><br/>three",
    ],
)
def test_inner_lists_and_paragraphs_are_stanzas(text):
    assert cleaned(text)[0] == "one\ntwo\n\nthree"


@given(st.lists(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1), min_size=2))
def test_what_json_prints_is_read_back(lines):
    assert lines_of(json.dumps(lines)) == (lines_of("\n".join(lines)) or "\n".join(lines))
    assert string_of(json.dumps("\n".join(lines))) == "\n".join(lines)


def test_signs_are_read_from_escapes_and_entities():
    assert cleaned(json.dumps('hö 😀 she said "hi"\nla'))[0] == 'hö 😀 she said "hi"\nla'
    assert cleaned(r"don\u2019t go\nno")[0] == "don’t go\nno"
    assert cleaned("you &amp; me &quot;hey&quot; caf&eacute;\nla")[0] == 'you & me "hey" café\nla'
    assert cleaned("I &lt;3 you<br>la")[0] == "I <3 you\nla"


def test_a_text_whose_words_are_escaped_keeps_its_real_heading():
    assert cleaned("Title\nby Ada\none\\ntwo\\nthree\\nfour")[0] == "Title\nby Ada\none\ntwo\nthree\nfour"


@pytest.mark.parametrize(
    "text",
    [
        "I <3 you\nand <name> too\n<3<3",
        "<i> am\nhere",
        "rock & roll; yes &c; &so\nAT&T; go",
        '("Oh", she said)\nla',
        "['cause I love you]\nyeah",
        "('Cause I'm here)\n('Cause I'm there)",
        '"Hello" she said\n"bye"',
        '"I said \\ no"',
        '"quoted, line"',
        "he said 'n' roll\n\\o/ hi \\n there\nyou",
        "'Tis the day\\\nnext\nnext\nnext",
        '["hi"\nno list',
        '{"key": "value"}',
        "{x2}\nla",
    ],
)
def test_what_only_looks_like_notation_stays(text):
    assert cleaned(text) == (text, ())


def test_names_are_plain():
    assert plain_name("['Ada Stone']") == "Ada Stone"
    assert plain_name('["Ada", "Bob"]') == "Ada, Bob"
    assert plain_name("Simon &amp; Garfunkel") == "Simon & Garfunkel"
    for name in ("[:SITD:]", "(həd) p.e.", "AC/DC", "R&B; Co", "!!!"):
        assert plain_name(name) == name
