"""Which songs a build selects: duplicates, filters, works."""

from pathlib import Path

import numpy as np
import pandas as pd
from pretty_midi import Instrument, Note, PrettyMIDI


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


def test_a_copy_with_both_hands_on_one_track_is_a_near_duplicate_by_rule_2(
    song_folder, define, build_quietly
) -> None:
    folder = song_folder("midi")
    song = folder / "Artist 00" / "00.mid"
    piece = PrettyMIDI(str(song))
    random = np.random.default_rng(1)
    left = Instrument(program=0)
    for note in piece.instruments[0].notes[::2]:
        left.notes.append(Note(60, int(random.integers(36, 48)), note.start, note.end))
    piece.instruments.append(left)
    piece.write(str(song))
    merged = Instrument(program=0)
    for note in [note for part in piece.instruments if not part.is_drum for note in part.notes]:
        late = random.uniform(0, 0.01)
        merged.notes.append(Note(70, note.pitch + 2, 1.03 * note.start + late, 1.03 * note.end + late))
    copy = PrettyMIDI(resolution=960)
    copy.instruments.append(merged)
    copy.write(str(folder / "Artist 03" / "copy.mid"))
    assert build_quietly(define("midi", filters={"rule": 2}), folder).rejected == {"near-duplicate": 1}
    assert build_quietly(define("midi"), folder).rejected == {}


def test_of_a_medley_the_parts_stay_by_rule_2(song_folder, define, build_quietly) -> None:
    folder = song_folder("lyrics")
    parts = [(folder / f"Artist 0{n}" / "00.txt").read_text() for n in range(3)]
    (folder / "Artist 05" / "medley.txt").write_text("\n".join(parts))
    report = build_quietly(define(filters={"rule": 2}), folder)
    rejected = pd.read_parquet(report.path / "rejected.parquet")
    assert rejected.origin.tolist() == ["Artist 05/medley.txt"]
    assert rejected.detail[0].startswith("contains ")
    assert set(build_quietly(define(), folder).rejected) == {"near-duplicate"}
    assert build_quietly(define(), folder).rejected["near-duplicate"] == 3


def test_a_refrain_that_songs_quote_goes_by_rule_3_and_the_songs_stay(
    song_folder, define, build_quietly
) -> None:
    folder = song_folder("lyrics")
    refrain = "when the whole wide world is gone away from us then we shall sing this one refrain"
    (folder / "Artist 05" / "refrain.txt").write_text(refrain)
    quoting = [folder / f"Artist 0{n}" / f"0{k}.txt" for n in range(2) for k in range(3)]
    for song in quoting:
        song.write_text(f"{song.read_text()}\n{refrain}")
    report = build_quietly(define(filters={"rule": 3}), folder)
    rejected = pd.read_parquet(report.path / "rejected.parquet")
    assert rejected.origin.tolist() == ["Artist 05/refrain.txt"]
    assert rejected.detail[0].startswith("part of ")
    assert build_quietly(define(filters={"rule": 2}), folder).rejected["near-duplicate"] == 6


def test_of_a_medley_of_halves_the_songs_stay_by_rule_3(song_folder, define, build_quietly) -> None:
    folder = song_folder("lyrics")
    parts = [(folder / f"Artist 0{n}" / "00.txt").read_text().split() for n in range(3)]
    medley = " ".join(" ".join(words[: 6 * len(words) // 11]) for words in parts)
    (folder / "Artist 05" / "medley.txt").write_text(medley)
    report = build_quietly(define(filters={"rule": 3}), folder)
    rejected = pd.read_parquet(report.path / "rejected.parquet")
    assert rejected.origin.tolist() == ["Artist 05/medley.txt"]
    assert rejected.detail[0].startswith("contains ")
    assert build_quietly(define(filters={"rule": 2}), folder).rejected["near-duplicate"] == 3
