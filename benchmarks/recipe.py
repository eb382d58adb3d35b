"""Train the LSTM with other settings than those of its size, and print its validation figure.

    python benchmarks/recipe.py lyrics-verse --set hidden=768 --set embedding=256 --set epochs=8

The figure is nats per unit on songs of the validation artists, without support. Also printed: parameters,
tokens and processor time. An interrupted training goes on from its checkpoint under FSDL_BENCH_HOME.
`--ship` also writes the weights into the package, in half precision, with their card:

    python benchmarks/recipe.py lyrics-verse --ship
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

import torch

from fsdl_bench import load_track
from fsdl_bench.paths import home
from fsdl_bench.submissions.pretrained import write_pretrained
from fsdl_bench.submissions.setup import set_up
from fsdl_bench.versions import git

BASELINES = Path(__file__).parents[1] / "baselines"


def main() -> None:
    """Train, and print one line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("track")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ship", action="store_true", help="write the weights into the package")
    given = parser.parse_args()
    torch.set_num_threads(1)
    setup = set_up(str(BASELINES / "lstm.py"), load_track(given.track), settings=given.settings)
    context = setup.context(given.seed, lambda message: print(message, file=sys.stderr), refit=True)
    model = setup.loaded.construct()
    model.fit(*setup.splits, context)
    curve = [figure for _, figure in model.training.curve]
    count = sum(parameter.numel() for parameter in model.parameters())
    words = " ".join(given.settings) or "the settings of the size"
    print(f"{given.track}, {words}: {min(curve):.4f}; {count / 1e6:.2f} M parameters; {model.notes}")
    print(f"kept under {home()}", file=sys.stderr)
    if given.ship:
        ship(model, setup, given.seed)


def ship(model, setup, seed: int) -> None:
    """Write the weights and their card, with the validation figure of the rounded weights."""
    from common.songs import validation_nll

    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(weight.half().float())
        figure = validation_nll(model.model, setup.splits[1], setup.device)
    card = write_pretrained(
        model.model.state_dict(),
        name="lstm",
        track=setup.track.name,
        digest=setup.track.digest,
        seed=seed,
        settings=asdict(model.settings),
        training=asdict(model.training),
        processor_seconds=model.training.processor_seconds,
        figure=figure,
        commit=(git(BASELINES, "rev-parse", "HEAD") or b"unknown").decode().strip(),
    )
    print(f"{setup.track.name}: validation figure {figure:.4f} in half precision, SHA-256 {card.sha256}")


if __name__ == "__main__":
    main()
