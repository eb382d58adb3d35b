"""Options as text become what an annotation names, or say why not."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsdl_bench.options import WrongType, typed


@pytest.mark.parametrize(
    ("value", "hint", "found"),
    [
        ("2", int, 2),
        ("-1", int, -1),
        (2, int, 2),
        ("1e-3", float, 1e-3),
        ("12", str, "12"),
        ("[1]", str, "[1]"),
        ("", str, ""),
        ("a=b,c", str | Sequence[str], "a=b,c"),
        ('["a=b", "c=d"]', str | Sequence[str], ["a=b", "c=d"]),
        (["a=b"], str | Sequence[str], ["a=b"]),
        ("a, b", list[str], ["a", "b"]),
        ("[1, 2]", tuple[int, ...], (1, 2)),
        ("12", Any, 12),
        ("two words", Any, "two words"),
    ],
)
def test_values_in_their_type(value, hint, found):
    assert typed(value, hint) == found
    assert type(typed(value, hint)) is type(found)


@pytest.mark.parametrize("text", ["true", "True", "yes", "on", "1"])
def test_words_for_true_and_false(text):
    assert typed(text, bool) is True
    opposite = {"true": "false", "True": "False", "yes": "no", "on": "off", "1": "0"}[text]
    assert typed(opposite, bool) is False


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        ("x", int, "a whole number, found 'x'"),
        ("1.5", int, "a whole number, found '1.5'"),
        ("", int, "a whole number, found ''"),
        ("True", int, "a whole number, found 'True'"),
        (True, int, "a whole number, found True"),
        (1, bool, "true or false, found 1"),
        ("maybe", bool, "true or false, found 'maybe'"),
        (5, str, "text, found 5"),
        ("x", float, "a number, found 'x'"),
        ([1], str | Sequence[str], "found"),
    ],
)
def test_values_of_another_type(value, hint, expected):
    with pytest.raises(WrongType, match=expected):
        typed(value, hint)


@given(st.text(), st.sampled_from([int, float, bool, str, list[str], str | Sequence[str]]))
def test_any_text_has_an_answer(text, hint):
    with suppress(WrongType):
        typed(text, hint)


@given(st.text())
def test_text_stays_as_it_is(text):
    assert typed(text, str) == text
