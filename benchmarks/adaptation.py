"""The time that a musician waits: milliseconds to adapt to five songs, and to score one song afterwards.

    python benchmarks/adaptation.py lstm neural_cache dynamic_evaluation [--track midi-scores] [--episodes 12]

Models are files in `baselines/`. A cached fit is reused, others are fitted first. Figures are medians over
test episodes at the headline shot, on one core unless `--threads` is given. Results record the mean time to
adapt as `cost.adapt_ms` and the scoring speed as `cost.tokens_per_second`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import torch

from fsdl_bench import evaluation_episodes
from fsdl_bench.submissions.fitting import fitted
from fsdl_bench.submissions.session import LocalSession
from fsdl_bench.submissions.setup import set_up

BASELINES = Path(__file__).resolve().parents[1] / "baselines"


def waiting(model: str, options: argparse.Namespace) -> tuple[float, float, float]:
    """Return ms to adapt, ms to score a song, and microseconds per token of it."""
    source = str(BASELINES / f"{model}.py")
    setup = set_up(source, options.track, settings=options.set)
    context = setup.context(0, lambda line: print(line, file=sys.stderr))
    fit = fitted(setup, context)
    session = LocalSession(fit.make(), context, setup.sealed)
    design = setup.track.definition
    episodes = evaluation_episodes(setup.track["test"], design)[: options.episodes]
    adapting, scoring, each = [], [], []
    for episode in episodes:
        adapting.append(session.adapt([song.tokens for song in episode.at(design.headline_shot)], 0))
        song = episode.query[0].tokens
        start = time.perf_counter()
        session.scores([song])
        scoring.append(time.perf_counter() - start)
        each.append(scoring[-1] / len(song))
    session.close()
    return (
        1e3 * statistics.median(adapting),
        1e3 * statistics.median(scoring),
        1e6 * statistics.median(each),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--track", default="midi-scores")
    parser.add_argument("--episodes", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as for `evaluate`")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{'model':<22} {'adapt, ms':>10} {'a song, ms':>11} {'a token, us':>12}   {options.track}")
    for model in options.models:
        adapt, score, token = waiting(model, options)
        print(f"{model:<22} {adapt:>10.1f} {score:>11.1f} {token:>12.1f}", flush=True)


if __name__ == "__main__":
    main()
