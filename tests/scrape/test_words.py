"""The words of elements, and names of files, without a site."""

import pytest

html = pytest.importorskip("lxml.html")
pytest.importorskip("scrapy")

from fsdl_bench.scrape.html import words_of  # noqa: E402
from fsdl_bench.scrape.mutopia import composer_name  # noqa: E402
from fsdl_bench.scrape.spider import safe_name  # noqa: E402


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("<div>one\n  two</div>", "one two"),
        ("<div>one<br>two<br/>three</div>", "one\ntwo\nthree"),
        ("<div><p>a</p><p>b</p><p> </p><p>c</p></div>", "a\n\nb\n\nc"),
        ("<div><i>a</i> <b>b</b>&nbsp;c</div>", "a b c"),
        ("<div>a<span class=x>no</span>b<!-- no --></div>", "ab"),
        ("<div></div>", ""),
    ],
)
def test_words(source, words):
    assert words_of(html.fromstring(source), [".x"]) == words


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a/b", "a-b"),
        ("..", "-"),
        ("", "-"),
        (" .hidden. ", "hidden"),
        ("x" * 300, "x" * 120),
        ("é" * 100, "é" * 60),
    ],
)
def test_safe_names(name, safe):
    assert safe_name(name) == safe


@pytest.mark.parametrize(
    ("key", "name"), [("BachJS", "J S Bach"), ("SorF", "F Sor"), ("Anonymous", "Anonymous"), ("", "")]
)
def test_composers_of_mutopia(key, name):
    assert composer_name(key) == name
