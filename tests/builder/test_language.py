"""The language of a text: the track's only one, the detected one, or none."""

import sys

import pytest

from fsdl_bench.builder import language
from fsdl_bench.builder.language import language_of

GERMAN = "Über allen Gipfeln\nIst Ruh,\nIn allen Wipfeln\nSpürest du\nKaum einen Hauch;\n"
ENGLISH = "Shall I compare thee to a summer's day?\nThou art more lovely and more temperate:\n"
FRENCH = "Les sanglots longs\nDes violons\nDe l'automne\nBlessent mon coeur\nD'une langueur\nMonotone.\n"


@pytest.fixture(autouse=True)
def _fresh():
    language._classifier.cache_clear()
    yield
    language._classifier.cache_clear()


def test_the_only_language_of_a_track():
    assert language_of("青青河畔草", ["lzh"]) == "lzh"


def test_languages_are_told_apart():
    pytest.importorskip("py3langid", reason="py3langid is not installed")
    assert [language_of(text, []) for text in (GERMAN, ENGLISH, FRENCH)] == ["de", "en", "fr"]
    assert language_of(ENGLISH, ["de", "en"]) == "en"


def test_what_no_language_fits():
    pytest.importorskip("py3langid", reason="py3langid is not installed")
    assert language_of("la la la", []) is None


def test_without_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "py3langid.langid", None)
    assert language_of(ENGLISH, []) is None
