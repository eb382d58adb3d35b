"""Metadata: JSON, tables and labels keep every field."""

import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsdl_bench.metadata import (
    LABELS,
    NOTHING,
    Metadata,
    from_row,
    metadata_schema,
    table_of,
    year_in,
)

text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
number = st.integers(-(2**31), 2**31 - 1)
real = st.floats(allow_nan=False)
VALUES = {
    "str | None": st.none() | text,
    "int | None": st.none() | number,
    "float | None": st.none() | real,
    "tuple[str, ...]": st.lists(text, max_size=3).map(tuple),
    "tuple[int, ...]": st.lists(number, max_size=3).map(tuple),
    "tuple[tuple[float, float], ...]": st.lists(st.tuples(real, real), max_size=3).map(tuple),
    "tuple[tuple[str, str], ...]": st.lists(st.tuples(text, text), max_size=3).map(tuple),
}
songs = st.builds(Metadata, **{name: VALUES[kind] for name, kind in Metadata.__annotations__.items()})


@given(st.lists(songs, max_size=4))
def test_a_table_keeps_every_field(found):
    assert all((song.to_json() == "") == (song == NOTHING) for song in found)
    table = table_of([str(n) for n in range(len(found))], [song.to_json() for song in found])
    assert table.schema == metadata_schema()
    assert [from_row(row) for row in table.to_pylist()] == found


@given(songs, songs)
def test_merged_prefers_the_first(one, other):
    merged = one.merged(other)
    assert merged.known() == other.known() | one.known()
    assert NOTHING.merged(other) == other.merged(NOTHING) == other


def test_labels_are_fields_with_one_value():
    from fsdl_bench.tracks.definition import TrackDefinition

    song = Metadata(
        artist="A", form="sonnet", genre="g", collection="c", language="de", year=1856, key="C major"
    )
    assert [song.label(name) for name in LABELS] == [
        "A",
        "sonnet",
        "g",
        "c",
        "de",
        "1850s",
        "1856",
        "C major",
        "",
    ]
    assert all(NOTHING.label(name) == "" for name in LABELS)
    assert typing.get_args(TrackDefinition.model_fields["label"].annotation) == LABELS


@pytest.mark.parametrize(
    ("text", "year"),
    [("1833", 1833), ("ca. 1612", 1612), ("1810/03/01-1849", 1810), ("19th century", None), ("", None),
     (None, None), ("2018.0", 2018), ("op. 12345", None), ("3019", None)],
)  # fmt: skip
def test_year_in(text, year):
    assert year_in(text) == year
