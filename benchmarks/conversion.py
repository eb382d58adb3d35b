"""Conversion of scores: are the ready ones what verovio makes, how fast, and as long as their scores?

    python benchmarks/conversion.py [--mirror DIR] [--sample 200] [--workers 2] [--missing] [--partitura]

Converts a sample of the scores that the mirror's cache holds, into an empty cache, and compares byte for
byte; holds each **kern conversion against the length of its score; with --missing also converts what the
cache lacks; with --partitura compares 50 MusicXML scores note for note with the library of that name.
"""

import argparse
import hashlib
import io
import os
import random
import tarfile
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

from fsdl_bench.errors import Rejected
from fsdl_bench.music.kern import mismatch
from fsdl_bench.music.scores import convert_scores, score_to_midi

OWNERS = {"OpenScore": ".mxl", "pl-wnifc": ".krn"}


def files_of(archive: Path, ending: str = "") -> dict[str, bytes]:
    with tarfile.open(archive) as members:
        return {
            m.name: members.extractfile(m).read() for m in members if m.isfile() and m.name.endswith(ending)
        }


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def timed(files: dict[str, bytes], workers: int) -> Counter:
    begun = time.perf_counter()
    outcomes = convert_scores(list(files), files.__getitem__, workers=workers)
    seconds = time.perf_counter() - begun
    rate = len(files) / seconds
    print(f"  {len(files)} files, {seconds:.1f} s: {rate:.2f} a second, {rate / workers:.2f} a worker")
    print(f"  outcomes: {dict(outcomes)}")
    return outcomes


def compare(scores: dict[str, bytes], ready: dict[str, bytes]) -> None:
    same = off = kern = 0
    for name, data in scores.items():
        try:
            made = score_to_midi(data)
        except Rejected:
            continue
        same += made == ready[digest(data)]
        if name.endswith(".krn"):
            kern += 1
            off += mismatch(data.decode("utf-8", "replace"), made) > 0.005
    print(f"  the same bytes: {same} of {len(scores)}")
    print(f"  **kern whose conversion is off by more than 0.5% of the score's length: {off} of {kern}")


def sounding(notes) -> Counter:
    """(pitch, onset in hundredths of a quarter from the first note) of each note."""
    first = min((onset for _, onset in notes), default=0.0)
    return Counter((pitch, round(100 * (onset - first))) for pitch, onset in notes)


def with_verovio(data: bytes) -> Counter:
    from symusic import Score

    score: Any = Score.from_midi(score_to_midi(data))
    return sounding([(n.pitch, n.time / score.tpq) for part in score.tracks for n in part.notes])


def with_partitura(data: bytes) -> Counter:
    import partitura

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [n for n in archive.namelist() if n.endswith((".xml", ".musicxml")) and "META" not in n]
        text = archive.read(names[0])
    with tempfile.NamedTemporaryFile(suffix=".musicxml") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file.write(text)
        file.flush()
        table = partitura.load_musicxml(file.name).note_array()
    return sounding(list(zip(table["pitch"].tolist(), table["onset_quarter"].tolist(), strict=True)))


def against_partitura(scores: list[bytes]) -> None:
    shared = ours = theirs = 0
    seconds = 0.0
    failures: Counter = Counter()
    for data in scores:
        begun = time.perf_counter()
        try:
            other = with_partitura(data)
        except Exception as error:  # noqa: BLE001 - a library's failure on one score is a result here
            failures[type(error).__name__] += 1
            continue
        seconds += time.perf_counter() - begun
        mine = with_verovio(data)
        shared += (mine & other).total()
        ours += mine.total()
        theirs += other.total()
    done = len(scores) - failures.total()
    print(f"  partitura read {done} of {len(scores)}, {done / seconds:.2f} a second; {dict(failures)}")
    print(f"  notes: {ours} verovio, {theirs} partitura, {shared} in both ({shared / max(ours, 1):.2%})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mirror", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--sample", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--missing", action="store_true")
    parser.add_argument("--partitura", action="store_true")
    options = parser.parse_args()

    (archive,) = options.mirror.glob("converted-verovio-*.tar.gz")
    ready = {Path(name).stem: data for name, data in files_of(archive, ".mid").items()}
    scores: dict[str, list[bytes]] = {}
    for owner, ending in OWNERS.items():
        (archive,) = options.mirror.glob(f"{owner}*.tar.gz")
        scores |= files_of(archive, ending)
    held = {name: data for name, data in scores.items() if digest(data) in ready}
    lacking = {name: data for name, data in scores.items() if digest(data) not in ready}
    print(f"scores {len(scores)}, with a ready conversion {len(held)}, without {len(lacking)}")

    with tempfile.TemporaryDirectory() as home:
        os.environ["FSDL_BENCH_HOME"] = home
        chosen = random.Random(0).sample(sorted(held), min(options.sample, len(held)))
        sample = {name: held[name] for name in chosen}
        print("a sample of the ready ones")
        timed(sample, options.workers)
        compare(sample, ready)
        if options.partitura:
            print("note for note")
            songs = sorted(name for name in held if name.endswith(".mxl"))
            fifty = {name: held[name] for name in random.Random(1).sample(songs, 50)}
            timed(fifty, options.workers)
            against_partitura(list(fifty.values()))
        if options.missing:
            print("what the cache lacks")
            timed(lacking, options.workers)


if __name__ == "__main__":
    main()
