"""A folder that `fsdl-bench scrape` has filled."""

import pandas as pd
import pytest

from fsdl_bench.errors import BadInput
from fsdl_bench.sources.common.base import open_source


def test_the_table_of_a_scrape_tells_licence_and_address(make_tree):
    tree = make_tree({"A/one.txt": "words one two", "A/two.txt": "other words", "B/three.txt": "three words"})
    rows = [
        {
            "file": "A/one.txt",
            "url": "https://x/1",
            "licence": "CC0",
            "extra": '{"year": "1833", "genre": "ode"}',
        },
        {"file": "A/two.txt", "url": "https://x/2", "licence": "CC BY-SA", "extra": ""},
        {"file": "", "url": "https://x/3", "licence": "", "extra": ""},
    ]
    pd.DataFrame(rows).to_parquet(tree.root / "metadata.parquet")
    source = open_source("folder", tree, kind="lyrics", licence="mine")
    songs = {item.origin: source.read(item) for item in source.items()}
    found = {name: (song.licence, song.metadata.url, song.metadata.year) for name, song in songs.items()}
    assert found == {
        "A/one.txt": ("CC0", "https://x/1", 1833),
        "A/two.txt": ("CC BY-SA", "https://x/2", None),
        "B/three.txt": ("mine", None, None),
    }
    assert songs["A/one.txt"].metadata.genre == "ode"
    (tree.root / "metadata.parquet").write_bytes(b"no table")
    (tree.root / ".scrape").mkdir()
    with pytest.raises(BadInput, match=r"expected the table of fsdl-bench scrape.*remove or rename"):
        list(source.items())


OURS = {"file": ["A/one.txt"], "url": ["x"], "licence": ["CC0"], "extra": [""]}


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"artist": [1], "x": [2]}, "no column file, url, licence, extra"),
        (OURS | {"file": [7]}, "no text in the column file"),
        (OURS | {"extra": ["not JSON"]}, "Expecting value"),
        (OURS | {"extra": ["[1]"]}, "attribute"),
        (b"no table", "Parquet"),
    ],
)
def test_a_table_of_something_else_is_a_file_that_is_left_out(make_tree, table, why):
    tree = make_tree({"A/one.txt": "words one two"})
    place = tree.root / "metadata.parquet"
    place.write_bytes(table) if isinstance(table, bytes) else pd.DataFrame(table).to_parquet(place)
    source = open_source("folder", tree, kind="lyrics", licence="mine")
    (item,) = source.items()
    assert (item.licence, source.read(item).metadata.url) == ("mine", None)
    [(origin, reason, detail)] = source.rejected
    assert (origin, reason) == ("metadata.parquet", "no table of a scrape")
    assert why in detail
