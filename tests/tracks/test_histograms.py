"""Histograms of metadata: ranges, frequent values, instruments, and what is unknown."""

import pyarrow.parquet as pq

from fsdl_bench.metadata import Metadata, table_of
from fsdl_bench.tracks.histograms import histogram_lines, histograms


def _found(tmp_path, *songs):
    (tmp_path / "metadata").mkdir()
    half = len(songs) // 2
    for name, part in (("train", songs[:half]), ("test", songs[half:])):
        table = table_of([f"{number:032}" for number in range(len(part))], [song.to_json() for song in part])
        pq.write_table(table, tmp_path / "metadata" / f"{name}.parquet")
    return {one.field: one for one in histograms(tmp_path)}


def test_ranges(tmp_path):
    years = [1799, 1800, 1849, None]
    found = _found(
        tmp_path,
        *(Metadata(year=year, tempo=tempo) for year, tempo in zip(years, [60, 79.9, 199, 480], strict=True)),
    )
    assert set(found) == {"year", "tempo"}
    assert found["year"].bars == (("1750–1799", 1), ("1800–1849", 2))
    assert (found["year"].songs, found["year"].known) == (4, 3)
    assert found["tempo"].bars == (("60–79", 2), ("180–199", 1), ("200+", 1))


def test_frequent_values_and_the_rest(tmp_path):
    songs = [Metadata(form=f"tune {n % 12:02}") for n in range(14)]
    bars = _found(tmp_path, *songs)["form"].bars
    assert bars[:3] == (("tune 00", 2), ("tune 01", 2), ("tune 02", 1))
    assert bars[-1] == ("other", 2)
    assert sum(count for _, count in bars) == 14


def test_instruments(tmp_path):
    found = _found(tmp_path, Metadata(programs=(0, 3, 40)), Metadata(programs=(128,)), Metadata())
    assert found["instruments"].bars == (("Piano", 1), ("Strings", 1), ("Drums", 1))
    assert histogram_lines(found.values()) == [
        "- instruments (known of 2 of 3 songs): Piano 1, Strings 1, Drums 1"
    ]


def test_nothing_is_known(tmp_path):
    assert histograms(tmp_path) == ()
    assert _found(tmp_path, Metadata(), Metadata()) == {}
