"""Compare the notes with those that pretty_midi finds, the independent reader, and explain the differences.

    python benchmarks/agreement.py [--mirror DIR] [--every 10]

A note agrees if class, pitch, onset and end are the same on the grid of 10 ms. The others are put down to:

    tie      onset or end is between two steps, and the last bit of the float64 decides: pretty_midi adds up
             the seconds of the tempos, the benchmark divides one whole number by another.
    pairing  notes of one pitch overlap in one part. symusic ends the one that began first; pretty_midi ends
             all that are sounding.
    empty    a note begins and ends at once. The benchmark gives it the shortest length; pretty_midi drops it.
    other    none of these.
"""

import argparse
import io
import tarfile
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from pretty_midi import PrettyMIDI

from fsdl_bench.errors import Rejected
from fsdl_bench.music.notes import DRUMS, Notes
from fsdl_bench.music.reading import read_midi

CAUSES = ("agree", "tie", "pairing", "empty", "other")
SOURCES = {"POP909": "music-x-lab__POP909-Dataset-*.tar.gz", "converted scores": "converted-verovio-*.tar.gz"}

Row = tuple[int, int, int, int]  # class, pitch, onset, end


def steps(seconds: Iterable[float]) -> list[int]:
    return np.floor(100 * np.array(list(seconds)) + 0.5).astype(int).tolist()


def theirs(data: bytes) -> Counter[Row]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tempos outside the first track, which it counts all the same
        song = PrettyMIDI(io.BytesIO(data))
    found = [
        (DRUMS if part.is_drum else part.program // 8, note)
        for part in song.instruments
        for note in part.notes
    ]
    onsets, ends = (steps(getattr(note, name) for _, note in found) for name in ("start", "end"))
    rows = zip(found, onsets, ends, strict=True)
    return Counter((family, note.pitch, onset, end) for (family, note), onset, end in rows)


def overlaps(notes: Notes) -> np.ndarray:
    """For each note whether another of its part and pitch sounds at some time while it does."""
    voice = notes.track.astype(int) * 128 + notes.pitch
    order = np.lexsort((notes.start, voice))
    out = np.zeros(len(notes), bool)
    for chosen in np.split(order, np.flatnonzero(np.diff(voice[order])) + 1):
        start, end = notes.start[chosen], notes.end[chosen]
        before = np.maximum.accumulate(end)[:-1] > start[1:]  # an earlier one still sounds
        after = start[1:] < end[:-1]
        out[chosen[1:]] |= before
        out[chosen[:-1]] |= after
    return out


def compare(data: bytes) -> Counter[str]:
    """The notes of a file by `CAUSES`."""
    notes = read_midi(data)
    other = theirs(data)
    columns = (notes.family.tolist(), notes.pitch.tolist(), steps(notes.start), steps(notes.end))
    rows: list[Row] = list(zip(*columns, strict=True))
    # Parts with the same row represent each other, so one that overlaps speaks for all.
    crossed = {row for row, overlap in zip(rows, overlaps(notes), strict=True) if overlap}
    empty = {row for row, length in zip(rows, notes.end - notes.start, strict=True) if length == 0}
    found = Counter(rows)
    agree = found & other
    counts = Counter(agree=agree.total())
    other -= agree
    for row in (found - agree).elements():
        family, pitch, onset, end = row
        near = [(family, pitch, onset + a, end + b) for a in (0, -1, 1) for b in (0, -1, 1)]
        match = next((place for place in near if other[place]), None)
        if match:
            other[match] -= 1
            counts["tie"] += 1
        else:
            counts["pairing" if row in crossed else "empty" if row in empty else "other"] += 1
    return counts


def files(archive: Path, every: int) -> Iterator[bytes]:
    with tarfile.open(archive) as tar:
        found = (member for member in tar if member.name.endswith(".mid") and "/versions/" not in member.name)
        for member in islice(found, 0, None, every):
            yield tar.extractfile(member).read()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mirror", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--every", type=int, default=10, help="take every n-th file")
    options = parser.parse_args()
    print(f"{'source':<18}{'songs':>7}{'notes':>10}" + "".join(f"{cause:>12}" for cause in CAUSES))
    for name, pattern in SOURCES.items():
        (archive,) = options.mirror.glob(pattern)
        songs, counts = 0, Counter[str]()
        for data in files(archive, options.every):
            try:
                counts += compare(data)
            except Rejected:
                continue
            songs += 1
        total = counts.total()
        shares = "".join(f"{counts[cause] / total:>12.4%}" for cause in CAUSES)
        print(f"{name:<18}{songs:>7,}{total:>10,}{shares}")


if __name__ == "__main__":
    main()
