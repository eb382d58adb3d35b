"""What the support is worth to a model on the artists that it was trained on, and on new ones.

    python benchmarks/seen_artists.py lyrics-synthetic lstm_concat [--set epochs=18] [--episodes 60]

Prints nats per unit at 0 and at 5 support songs, and the difference, on episodes of the meta-training and of
the validation artists. A model that gains on the former only has learned these artists, not how to read a
support. The model is fitted unless its fit is in the cache.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from fsdl_bench import load_track
from fsdl_bench.submissions.fitting import fitted
from fsdl_bench.submissions.setup import set_up

BASELINES = Path(__file__).parents[1] / "baselines"


def main() -> None:
    """Print one line for each of the two splits."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("track")
    parser.add_argument("model", help="a file of baselines/")
    parser.add_argument("--episodes", type=int, default=60, help="episodes of each split")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    given = parser.parse_args()
    torch.set_num_threads(1)
    setup = set_up(str(BASELINES / f"{given.model}.py"), load_track(given.track), settings=given.settings)
    context = setup.context(0, lambda message: print(message, file=sys.stderr))
    model = fitted(setup, context).make()
    from common.few_shot import few_shot_nll, headline_shots, held_out_episodes

    top = headline_shots(context)
    for split, name in zip(setup.splits, ("meta-training", "validation"), strict=True):
        without, having = (
            few_shot_nll(
                model.adapt, held_out_episodes(split, context, shots, given.episodes), context.device
            )
            for shots in (0, top)
        )
        print(
            f"{given.model} on {name} artists: {without:.4f} nats/{context.unit} without support, "
            f"{having:.4f} with {top} songs, gain {without - having:+.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
