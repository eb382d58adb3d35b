"""Flip random bits in every kind of cached file, and count what becomes of the figures.

    python benchmarks/flips.py [--flips N] [--seed N] [--kind KIND ...] [--mirror DIR]

For each kind of file the command prepares a home and records a figure. Then it repeats: flip one bit of one
file, compute the figure again in a process of its own, restore the home. A trial ends in one of

    same       the figure is unchanged: the bit does not matter, or the file was made again
    refused    one clear message (`BadInput`)
    WRONG      another figure, without a message
    CRASHED    a traceback or a signal

The last two are faults, and the exit code is then 1. The kind `converted` needs the mirror of the archives.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from fsdl_bench import BadInput, build_track, evaluate, load_definition, load_track, read_result

ROOT = Path(__file__).resolve().parents[1]
TRACK = "lyrics-synthetic"
MODEL = str(ROOT / "baselines" / "ngram.py")
LINKED = ("/sources/", "/converted/")
"""Large folders that no command changes in place: a trial gets links to their files."""

Figure = Callable[[Path], str]


@dataclass(frozen=True)
class Kind:
    """One kind of cached file.

    Attributes:
        files: patterns below the home; one file that matches is damaged in each trial.
        prepare: fills the home.
        figure: computes the figure from the home, as text.
    """

    files: tuple[str, ...]
    prepare: Callable[[Path], None]
    figure: Figure


def build(_: Path) -> None:
    build_track(load_definition(TRACK), workers=0, progress=False)


def songs(_: Path) -> str:
    """Every row of every split, as `load_track` hands them on."""
    state = hashlib.sha256()
    track = load_track(TRACK)
    for split in track.splits:
        for song in track[split].songs:
            state.update(repr((song.id, song.artist_key, song.work, song.units, song.text)).encode())
            state.update(song.tokens.tobytes())
    return f"{track.digest} {track.manifest.counts} {track.definition.shots} {state.hexdigest()}"


def scores(home: Path) -> str:
    """The song rows of an evaluation, which uses the cached fit and the journal if there are any."""
    out = home / "out" / "result.json"
    stored = evaluate(MODEL, TRACK, limit=2, shots=(0, 5), resume=True, out=out, progress=False)
    columns = ["condition", "shots", "artist", "episode", "song_id", "nats", "tokens", "units"]
    return stored.rows[columns].to_json()


def fit(home: Path) -> None:
    build(home)
    scores(home)
    shutil.rmtree(home / "out")


def unfinished_run(home: Path) -> None:
    """A run whose process was lost after some cells."""
    build(home)

    def lost() -> None:
        from fsdl_bench.evaluation import journal

        append, cells = journal.Journal.append, []

        def stop_after_six(self, entry):
            append(self, entry)
            cells.append(entry)
            if len(cells) == 6:
                os._exit(9)

        journal.Journal.append = stop_after_six
        scores(home)

    process = multiprocessing.get_context("fork").Process(target=lost)
    process.start()
    process.join()
    assert list(home.glob("runs/*/entries.jsonl")), "the run left no journal"


def unfinished_build(home: Path) -> None:
    """A build that stopped after all songs were read."""

    def lost() -> None:
        from fsdl_bench.builder.selection import Selector

        Selector.run = lambda *_: os._exit(9)
        build(home)

    process = multiprocessing.get_context("fork").Process(target=lost)
    process.start()
    process.join()
    assert list(home.glob(f"tracks/.{TRACK}.work/chunks/*.arrow")), "the build left no chunks"


def built(_: Path) -> str:
    return build_track(load_definition(TRACK), workers=0, progress=False).digest


def results(home: Path) -> None:
    for name in ("ngram", "unigram", "uniform"):
        for path in (ROOT / "leaderboard" / "results" / TRACK).glob(f"{name}.*"):
            (home / "results").mkdir(exist_ok=True)
            shutil.copy(path, home / "results")


def read_results(home: Path) -> str:
    found = [read_result(path) for path in sorted((home / "results").glob("*.json"))]
    return "".join(stored.result.aggregates.model_dump_json() + stored.rows.to_json() for stored in found)


def placed(home: Path) -> str:
    """The comparisons that the leaderboard shows."""
    from fsdl_bench.site.boards import place

    found = [read_result(path) for path in sorted((home / "results").glob("*.json"))]
    return repr([(one.slug, one.standing, one.placings) for one in place(found, "")])


def compared(home: Path) -> None:
    results(home)
    placed(home)


def mirror_build(mirror: Path) -> Figure:
    def figure(_: Path) -> str:
        with contextlib.redirect_stderr(sys.stdout):
            return build_track(
                load_definition("midi-lieder"), mirror=mirror, workers=0, progress=False
            ).digest

    return figure


def kinds(mirror: Path | None) -> dict[str, Kind]:
    found = {
        "arrays": Kind((f"tracks/{TRACK}/.arrays/*",), build, songs),
        "track": Kind((f"tracks/{TRACK}/*.parquet", f"tracks/{TRACK}/*.json"), build, songs),
        "fit": Kind(("fits/**/*",), fit, scores),
        "journal": Kind(("runs/**/*",), unfinished_run, scores),
        "chunks": Kind((f"tracks/.{TRACK}.work/chunks/*",), unfinished_build, built),
        "results": Kind(("results/*",), results, read_results),
        "comparisons": Kind(("cache/**/*",), compared, placed),
    }
    if mirror is not None:
        figure = mirror_build(mirror)
        found["converted"] = Kind(
            ("converted/**/*", "sources/**/*.tsv"), lambda home: print(figure(home), file=sys.stderr), figure
        )
    return found


def flip(files: Sequence[Path], random_: random.Random) -> str:
    """Flip one bit of one file; return which."""
    path = random_.choice(files)
    data = bytearray(path.read_bytes())
    at, bit = random_.randrange(len(data)), random_.randrange(8)
    data[at] ^= 1 << bit
    aside = path.with_name(path.name + "~")
    aside.write_bytes(data)
    aside.replace(path)  # a new file, since the old one may be a link
    return f"{path.name}, byte {at}, bit {bit}"


def trial(home: Path, figure: Figure, seconds: float = 120.0) -> tuple[str, str]:
    """Compute the figure in a forked process: (outcome, figure or message)."""
    here, there = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_answer, args=(there, home, figure))
    process.start()
    there.close()
    try:
        if not here.poll(seconds):
            process.kill()
            return "crashed", f"no answer after {seconds:g} s"
        return here.recv()
    except EOFError:
        process.join()
        return "crashed", f"exit code {process.exitcode}"
    finally:
        process.join()


def _answer(line: Connection, home: Path, figure: Figure) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        line.send(("figure", figure(home)))
    except BadInput as error:
        line.send(("refused", str(error)))
    except BaseException:  # noqa: BLE001 (any traceback is a finding)
        line.send(("crashed", traceback.format_exc()))
    line.close()
    os._exit(0)


def copy(source: str, target: str) -> None:
    (os.link if any(part in source for part in LINKED) else shutil.copy2)(source, target)


def run(name: str, kind: Kind, flips: int, seed: int) -> Counter[str]:
    folder = Path(tempfile.mkdtemp(prefix=f"fsdl-flips-{name}-"))
    home, kept = folder / "home", folder / "kept"
    os.environ["FSDL_BENCH_HOME"] = str(home)
    home.mkdir()
    kind.prepare(home)
    home.rename(kept)
    outcomes: Counter[str] = Counter()
    random_ = random.Random(seed)
    expected = ""
    for number in range(flips + 1):
        shutil.copytree(kept, home, copy_function=copy)
        files = sorted(
            {p for pattern in kind.files for p in home.glob(pattern) if p.is_file() and p.stat().st_size}
        )
        where = flip(files, random_) if number else "nothing flipped"
        answer, text = trial(home, kind.figure)
        if not number:
            assert answer == "figure", f"{name}: the undamaged home fails: {text}"
            expected = text
        else:
            outcome = answer if answer != "figure" else "same" if text == expected else "WRONG"
            outcomes[outcome.replace("crashed", "CRASHED")] += 1
            if outcome in ("WRONG", "crashed"):
                print(
                    f"{name}: {outcome}: {where}: {text[-600:] if outcome == 'crashed' else ''}", flush=True
                )
        shutil.rmtree(home)
    shutil.rmtree(folder)
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--flips", type=int, default=75, help="for each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", action="append", help="only this kind; may be given several times")
    parser.add_argument("--mirror", type=Path, default=os.environ.get("FSDL_BENCH_MIRROR"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    os.environ["FSDL_BENCH_OFFLINE"] = "1"
    total: Counter[str] = Counter()
    for name, kind in kinds(options.mirror).items():
        if options.kind and name not in options.kind:
            continue
        began = time.perf_counter()
        outcomes = run(name, kind, options.flips, options.seed)
        total += outcomes
        print(f"{name:12} {json.dumps(dict(outcomes))} in {time.perf_counter() - began:.0f} s", flush=True)
    print(f"{'all':12} {json.dumps(dict(total))}")
    sys.exit(1 if total["WRONG"] or total["CRASHED"] else 0)


if __name__ == "__main__":
    main()
