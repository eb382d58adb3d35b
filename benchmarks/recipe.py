"""Train a model with other settings than its own, and print its validation figure.

    python benchmarks/recipe.py lyrics-verse --set hidden=768 --set embedding=256 --set epochs=8
    python benchmarks/recipe.py lyrics-verse --model matching --set hops=0

The figure of the LSTM is nats per unit on songs of the validation artists, without support; that of a model
that learns from episodes is the mean over validation episodes with no support and with the headline's number
of shots. Also printed: parameters, tokens and processor time. An interrupted training goes on from its
checkpoint under FSDL_BENCH_HOME. `--ship` also writes the weights into the package, in half precision, with
their card. What a model trains or chooses on top of the LSTM ships alone:

    python benchmarks/recipe.py lyrics-verse --ship
    python benchmarks/recipe.py lyrics-verse --model matching --ship
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

import torch

from fsdl_bench import load_track
from fsdl_bench.paths import home
from fsdl_bench.submissions.pretrained import remove_pretrained, write_pretrained
from fsdl_bench.submissions.setup import set_up
from fsdl_bench.versions import git

BASELINES = Path(__file__).parents[1] / "baselines"


def main() -> None:
    """Train, and print one line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("track")
    parser.add_argument("--model", default="lstm", help="a file of baselines/")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ship", action="store_true", help="write the weights into the package")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.ship:
        remove_pretrained(given.model, given.track)
    setup = set_up(str(BASELINES / f"{given.model}.py"), load_track(given.track), settings=given.settings)
    alone = given.model == "lstm"  # other models may start from the LSTM that ships
    context = setup.context(given.seed, lambda message: print(message, file=sys.stderr), refit=alone)
    model = setup.loaded.construct()
    model.fit(*setup.splits, context)
    count = sum(parameter.numel() for parameter in model.parameters())
    words = " ".join(given.settings) or "the settings of the size"
    print(
        f"{given.track}, {given.model}, {words}: {model.trained.training.best:.4f}; "
        f"{count / 1e6:.2f} M parameters; {model.notes}"
    )
    print(f"kept under {home()}", file=sys.stderr)
    if given.ship:
        ship(model, setup, context)


def ship(model, setup, context) -> None:
    """Write the weights and their card, with the validation figure of the rounded weights."""
    part = model.trained
    with torch.no_grad():
        for weight in part.module.parameters():
            weight.copy_(weight.half().float())
        figure = figure_of(model, setup.splits[1], context)
    card = write_pretrained(
        part.module.state_dict(),
        name=part.name,
        track=setup.track.name,
        digest=setup.track.digest,
        seed=context.seed,
        settings=part.settings,
        training=asdict(part.training),
        chosen=part.chosen,
        processor_seconds=part.training.processor_seconds + part.seconds,
        figure=figure,
        commit=(git(BASELINES, "rev-parse", "HEAD") or b"unknown").decode().strip(),
    )
    print(f"{setup.track.name}: validation figure {figure:.4f} in half precision, SHA-256 {card.sha256}")


def figure_of(model, validation, context) -> float:
    """Return the validation figure of a fitted model."""
    from common.few_shot import validation_figure
    from common.songs import validation_nll

    if model.trained.name == "lstm":
        return validation_nll(model.model, validation, context.device)
    return validation_figure(model.adapt, validation, context, model.episodes)()


if __name__ == "__main__":
    main()
