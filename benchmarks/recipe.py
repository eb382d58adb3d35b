"""Train the LSTM with other settings than those of its size, and print its validation figure.

    python benchmarks/recipe.py lyrics-verse --set hidden=768 --set embedding=256 --set epochs=8

The figure is nats per unit on songs of the validation artists, without support. Also printed: parameters,
tokens and processor time. An interrupted training goes on from its checkpoint under FSDL_BENCH_HOME.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from fsdl_bench import load_track
from fsdl_bench.paths import home
from fsdl_bench.submissions.setup import set_up

BASELINES = Path(__file__).parents[1] / "baselines"


def main() -> None:
    """Train, and print one line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("track")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    setup = set_up(str(BASELINES / "lstm.py"), load_track(given.track), settings=given.settings)
    context = setup.context(given.seed, lambda message: print(message, file=sys.stderr))
    model = setup.loaded.construct()
    model.fit(*setup.splits, context)
    curve = [figure for _, figure in model.training.curve]
    count = sum(parameter.numel() for parameter in model.parameters())
    words = " ".join(given.settings) or "the settings of the size"
    print(f"{given.track}, {words}: {min(curve):.4f}; {count / 1e6:.2f} M parameters; {model.notes}")
    print(f"kept under {home()}", file=sys.stderr)


if __name__ == "__main__":
    main()
