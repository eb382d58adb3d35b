"""Meta-training on songs that the LSTM has been trained on, against songs that it has not seen.

    python benchmarks/seen_songs.py lyrics-verse [--model prototype] [--batches 100] [--every 25]

The validation artists are split in two halves. The learner is meta-trained twice from the same first weights:
on the meta-training artists, whose songs the LSTM knows, and on the first half of the validation artists. The
second half gives both validation curves. Also printed: nats per unit of the LSTM on the songs of both splits.
The track's LSTM must ship with the package.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from fsdl_bench import Artist, Split, load_track
from fsdl_bench.submissions.setup import set_up

BASELINES = Path(__file__).parents[1] / "baselines"


def some(split: Split, artists: Sequence[Artist]) -> Split:
    """Return a split with the songs of some of its artists."""
    rows = [
        {"artist": artist.key, "tokens": song.tokens, "units": song.units, "text": ""}
        for artist in artists
        for song in artist.songs
    ]
    return Split.from_rows(split.name, split.codec, rows)


def main() -> None:
    """Print the LSTM's two figures, then one curve for each source of episodes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("track")
    parser.add_argument("--model", default="prototype", help="a file of baselines/")
    parser.add_argument("--batches", type=int, default=100)
    parser.add_argument("--every", type=int, default=25, help="batches between two validations")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    given = parser.parse_args()
    torch.set_num_threads(1)
    lengths = [f"meta_batches={given.batches}", f"meta_every={given.every}", f"meta_patience={given.batches}"]
    track = load_track(given.track)
    setup = set_up(str(BASELINES / f"{given.model}.py"), track, settings=lengths + given.settings)
    train, validation = setup.splits
    context = setup.context(0, lambda message: print(message, file=sys.stderr))
    first, second = (some(validation, list(validation.artists)[start::2]) for start in (0, 1))

    def meta_trained(songs):
        model = setup.loaded.construct()
        with tempfile.TemporaryDirectory() as folder:
            model.fit(songs, second, replace(context, checkpoints=Path(folder)))
        return model

    def show(model, source) -> None:
        curve = ", ".join(f"{figure:.4f} ({batches})" for batches, figure in model.trained.training.curve)
        print(f"{given.model}, meta-trained on {source}: {curve}", flush=True)

    seen = meta_trained(train)
    if not seen.notes["weights"].startswith("shipped"):
        raise SystemExit(f"no LSTM ships for {given.track}: it would not be the same in both trainings")
    from common.songs import validation_nll

    figures = [validation_nll(seen.model, one, context.device) for one in setup.splits]
    print(
        f"{given.track}, LSTM: {figures[0]:.4f} nats/{context.unit} on meta-training songs, "
        f"{figures[1]:.4f} on validation songs"
    )
    show(seen, "meta-training artists")
    show(meta_trained(first), "unseen artists")


if __name__ == "__main__":
    main()
