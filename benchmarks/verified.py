"""Measure what verified scoring costs beside batched scoring, for one model of each family.

    python benchmarks/verified.py --track lyrics-synthetic --limit 16 baselines/ngram.py baselines/lstm.py

Both ways run with one worker, one after the other, on the same episodes. The times are those of adapting and
scoring, without the fit and the audits. With --workers N, verified scoring runs once more with N workers. Two
ratios of the wall times are printed: of the whole runs, and of what a whole run takes longer than a run of a
quarter of the episodes, in which starting the processes plays no part.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from fsdl_bench import evaluate
from fsdl_bench.results import StoredResult


def main() -> None:
    """Print one line for each submission."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("submissions", nargs="+")
    parser.add_argument("--track", default="lyrics-synthetic")
    parser.add_argument("--limit", type=int, default=16, help="episodes")
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    columns = [
        ("batched s", 10),
        ("verified s", 11),
        ("ratio", 7),
        ("ms/token", 10),
        ("whole", 8),
        ("each", 7),
    ]
    print(f"{'submission':36}" + "".join(f"{name:>{width}}" for name, width in columns))
    for submission in given.submissions:
        print(_line(submission, given), flush=True)


def _line(submission: str, given: argparse.Namespace) -> str:
    _run(submission, given, isolate=True)  # fits, if there is no fit
    batched, _ = _run(submission, given, isolate=True)
    verified, alone = _run(submission, given, verified=True)
    one, other = _seconds(batched), _seconds(verified)
    line = (
        f"{submission:36}{one:10.1f}{other:11.1f}{other / one:7.1f}{1000 * other / _tokens(verified):10.3f}"
    )
    if given.workers > 1:
        _, together = _run(submission, given, verified=True, workers=given.workers)
        quarter = argparse.Namespace(**(vars(given) | {"limit": given.limit // 4}))
        _, few = _run(submission, quarter, verified=True)
        _, few_together = _run(submission, quarter, verified=True, workers=given.workers)
        line += f"{alone / together:8.2f}{(alone - few) / (together - few_together):7.2f}"
    return line


def _run(submission: str, given: argparse.Namespace, **options) -> tuple[StoredResult, float]:
    """Evaluate; return the result and the wall time of the scoring."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        stored = evaluate(
            submission,
            given.track,
            settings=given.settings,
            limit=given.limit,
            resume=False,
            out=Path(folder, "result.json"),
            progress=False,
            **options,
        )
        return stored, time.perf_counter() - start


def _seconds(stored: StoredResult) -> float:
    """Seconds of adapting and scoring all cells."""
    cost = stored.result.cost
    cells = len(stored.rows) / stored.result.track.queries
    assert cost.adapt_ms is not None
    assert cost.tokens_per_second is not None
    return cells * cost.adapt_ms / 1000 + _tokens(stored) / cost.tokens_per_second


def _tokens(stored: StoredResult) -> int:
    return int(stored.rows.tokens.sum())


if __name__ == "__main__":
    main()
