"""Which songs a build selects: duplicates, filters, works."""

from pathlib import Path

import pandas as pd


def rows_of(track: Path, kind_of: str = "*") -> pd.DataFrame:
    return pd.concat([pd.read_parquet(path) for path in sorted(track.glob(f"{kind_of}-*-of-*.parquet"))])


def test_duplicates_go_and_are_named(song_folder, define, build_quietly) -> None:
    folder = song_folder("lyrics")
    first = (folder / "Artist 00" / "00.txt").read_text()
    (folder / "Artist 03" / "same.txt").write_text(first)
    (folder / "Artist 04" / "longer.txt").write_text(first + "\nand one more line that nobody had heard")
    report = build_quietly(define(), folder)
    rejected = pd.read_parquet(report.path / "rejected.parquet").set_index("origin")
    kept = rows_of(report.path).set_index("origin")
    longer = kept.loc["Artist 04/longer.txt"]
    assert report.rejected == {"duplicate": 1, "near-duplicate": 1}
    assert rejected.loc["Artist 03/same.txt"].reason == "duplicate"
    assert "Artist 00/00.txt" in rejected.loc["Artist 03/same.txt"].detail
    assert rejected.loc["Artist 00/00.txt"].reason == "near-duplicate"
    assert longer.song_id in rejected.loc["Artist 00/00.txt"].detail
    assert report.kept + sum(report.rejected.values()) == report.songs == 122


def test_near_duplicates_may_be_kept(song_folder, define, build_quietly) -> None:
    folder = song_folder("lyrics")
    text = (folder / "Artist 00" / "00.txt").read_text()
    (folder / "Artist 00" / "longer.txt").write_text(text + "\nand one more line")
    assert build_quietly(define(filters={"near_duplicates": False}), folder).kept == 121
    assert build_quietly(define(), folder).kept == 120
