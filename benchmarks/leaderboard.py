"""Measure how long a leaderboard of many submissions takes to build, and its page to open in a browser.

    python benchmarks/leaderboard.py --models 200
    python benchmarks/leaderboard.py --like leaderboard/results --models 88

Writes made-up results on one track, or disturbed copies of real results, builds their site twice by the
command, and opens a track's page in Chromium. Prints the time until everything has loaded, and the processor
time, which does not depend on the load of the machine.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fsdl_bench import load_definition
from fsdl_bench.results import (
    AuditVerdict,
    Cost,
    Environment,
    Run,
    SongRow,
    StoredResult,
    SubmissionInfo,
    TrackInfo,
    read_result,
    write_result,
)
from fsdl_bench.results.files import result_paths
from fsdl_bench.results.rows import KEY

if TYPE_CHECKING:
    import pandas as pd

FAMILIES = ("static", "cache", "test-time training", "fine-tuning", "meta-learned", "in context", "memory")


def write_fake(
    path: Path,
    name: str,
    *,
    track: str = "lyrics-synthetic",
    level: float = 1.4,
    gain: float = 0.1,
    artists: int = 12,
    seed: int = 0,
    track_info: TrackInfo | None = None,
    shots: Sequence[int] | None = None,
    **changes,
) -> StoredResult:
    """Write a made-up result with an NLL of about `level` at zero shots and `level - gain` at 20 shots.

    Songs and artists are the same for every name. `changes` are fields of the run, or of `SubmissionInfo`.
    """
    definition = load_definition(track)
    rng = np.random.default_rng([seed, *name.encode()])
    hard = np.random.default_rng(0).normal(1.0, 0.08, artists)
    taste = rng.normal(1.0, 0.3, artists)
    unit = "byte" if definition.kind == "lyrics" else "note"
    scale = np.log(2) if unit == "byte" else 1.0
    settings = [("right", k) for k in shots or definition.shots]
    if ("right", definition.headline_shot) in settings:
        settings.append(("control", definition.headline_shot))
    rows = []
    for condition, k in settings:
        for a in range(artists):
            for q in range(4):
                part = np.log2(1 + k) / np.log2(21) * taste[a] * (0.2 if condition == "control" else 1.0)
                rate = level * hard[a] * (1 + 0.05 * q) - gain * part * (0.7 + 0.2 * q) + rng.normal(0, 0.003)
                units = 100 + 10 * a
                rows.append(
                    SongRow(
                        seed=0,
                        condition=condition,
                        shots=k,
                        artist=f"artist {a:02}",
                        episode=0,
                        song_id=f"{a:02}{q:02}" * 8,
                        nats=float(rate * units * scale),
                        tokens=units // 3,
                        units=units,
                        optimal_nats=float(0.8 * hard[a] * units * scale) if "synthetic" in track else None,
                    )
                )
    submission = {
        "name": name,
        "family": FAMILIES[int(rng.integers(len(FAMILIES)))],
        "description": f"A made-up model called {name}.",
        "exact": True,
        "source": "baselines/ngram.py",
        "sha256": "0" * 64,
        "arguments": {},
        "parameters": int(10 ** rng.uniform(4, 7.5)),
        "notes": {"training tokens": int(10 ** rng.uniform(6, 8))},
    }
    submission |= {key: changes.pop(key) for key in list(changes) if key in SubmissionInfo.model_fields}
    usual = {
        "track": track_info
        or TrackInfo(
            name=track,
            kind=definition.kind,
            digest=definition.digest,
            version=definition.version,
            codec=definition.codec,
            unit=unit,
            split="test",
            episodes_digest="cd" * 16,
            headline_shot=definition.headline_shot,
            queries=4,
            episodes=definition.episodes,
        ),
        "protocol": "independent",
        "submission": SubmissionInfo(**submission),
        "seeds": (0,),
        "smoke": False,
        "status": "self-reported",
        "created": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=int(rng.integers(300))),
        "cost": Cost(
            fit_seconds=float(10 ** rng.uniform(1, 4.5)),
            adapt_ms=float(10 ** rng.uniform(-1, 4)),
            tokens_per_second=1e4,
            audit_seconds=1.0,
            peak_memory_mib=500.0,
        ),
        "environment": Environment(
            device="cpu (2 cores)",
            python="3.11.7",
            platform="Linux",
            packages={},
            git_commit="ab" * 20,
            git_dirty=False,
        ),
        "audits": (
            AuditVerdict(rule="causality", passed=True, checks=9, worst=0.0, tolerance=1e-9, detail=""),
        ),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_result(path, Run(**(usual | changes)), rows)


def write_many(folder: Path, models: int, artists: int) -> None:
    """Write made-up results on one track, one of them named `lstm`."""
    rng = np.random.default_rng(1)
    for number in range(models):
        name = "lstm" if number == 0 else f"model-{number:03}"
        level, gain = float(rng.uniform(1.2, 1.5)), float(rng.uniform(0, 0.3)) * (number > 0)
        write_fake(
            folder / "lyrics-synthetic" / f"{name}.json", name, level=level, gain=gain, artists=artists
        )


def write_like(results: Path, folder: Path, models: int) -> None:
    """Write this many results: copies of real ones, in turn, their nats changed by up to 2 % a song."""
    rng = np.random.default_rng(2)
    real = [read_result(path) for path in result_paths(results)]
    for number in range(models):
        stored = real[number % len(real)]
        rows = stored.rows.assign(nats=stored.rows["nats"] * rng.uniform(0.98, 1.02, len(stored.rows)))
        name = stored.result.submission.name + (f"-{number}" if number >= len(real) else "")
        run = {field: getattr(stored.result, field) for field in Run.model_fields}
        run["submission"] = stored.result.submission.model_copy(update={"name": name})
        path = folder / stored.result.track.name / f"{stored.result.protocol}-{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_result(path, Run(**run), song_rows(rows))


def song_rows(frame: pd.DataFrame) -> Iterator[SongRow]:
    """Yield the rows of a table as `SongRow`."""
    kinds = [name for name in frame.columns if name.startswith("nats_")]
    optional = [name for name in ("seconds", "optimal_nats") if name in frame]
    names = [*KEY, "nats", "tokens", "units", *optional]
    for row in frame.to_dict("records"):
        yield SongRow(**{key: row[key] for key in names}, kinds={key[5:]: row[key] for key in kinds})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, default=200)
    parser.add_argument("--artists", type=int, default=34)
    parser.add_argument("--like", type=Path, help="Disturb the results below this folder.")
    parser.add_argument("--keep", type=Path, help="Keep results and site in this folder.")
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp())
    try:
        _measure(folder, options)
    finally:
        if not options.keep:
            shutil.rmtree(folder)


def _measure(folder: Path, options: argparse.Namespace) -> None:
    start = time.perf_counter()
    if options.like:
        write_like(options.like, folder / "results", options.models)
    else:
        write_many(folder / "results", options.models, options.artists)
    print(f"{options.models} results: written in {time.perf_counter() - start:.1f} s")
    site = folder / "site"
    command = [sys.executable, "-m", "fsdl_bench", "leaderboard", "build", "--alone"]
    for words in ("first build", "second build, nothing changed"):
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(
            [*command, "--results", folder / "results", "--out", site], check=True, capture_output=True
        )
        after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - start
        spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        print(f"{words}: {wall:.1f} s, {spent:.1f} s of processor time")
    page = max((site / "tracks").glob("*.html"), key=lambda path: path.stat().st_size)
    print(f"the page of {page.stem}: {page.stat().st_size / 1e6:.2f} MB")
    _open(page)


def _open(page: Path) -> None:
    from browser import FLAGS
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for words in ("opened", "opened again"):
            tab = browser.new_page()
            meter = tab.context.new_cdp_session(tab)
            meter.send("Performance.enable", {"timeDomain": "threadTicks"})
            start = time.perf_counter()
            tab.goto(page.absolute().as_uri(), wait_until="load")
            seconds = time.perf_counter() - start
            spent = {one["name"]: one["value"] for one in meter.send("Performance.getMetrics")["metrics"]}
            rows = tab.locator("table.board tbody tr").count()
            print(f"{words}: {rows} rows in {seconds:.2f} s, {spent['TaskDuration']:.2f} s of processor time")
            tab.close()
        browser.close()


if __name__ == "__main__":
    main()
