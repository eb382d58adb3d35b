"""Print the Bayes-optimal NLL of the synthetic tracks by number of shots, and the oracle's.

    python benchmarks/synthetic_curve.py

For each test artist, the last four songs are the query and the first K songs are the support. "Learnt base
measures" is the Bayes-optimal predictive with base measures estimated from the songs of the training
artists: the most that meta-training can teach. Needs no built track.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

import numpy as np
from rich.console import Console
from rich.table import Table

from fsdl_bench.codecs import load_codec
from fsdl_bench.synthetic import Predictive, SyntheticModel, synthetic_model
from fsdl_bench.synthetic.chain import Weights, add_counts
from fsdl_bench.tracks.artists import split_of

CODECS = {"lyrics-synthetic": "words-v1", "midi-synthetic": "note10ms-v1"}
SHOTS = (0, 1, 2, 5, 10, 20)
QUERIES = 4


def learnt_prior(model: SyntheticModel) -> Weights:
    """Return the prior with base measures estimated from training artists, weighted by their output."""
    nothing = tuple(np.zeros_like(prior) for prior in model.chain.prior)
    votes = tuple(np.full_like(prior, 0.5 / prior.size) for prior in model.chain.prior)
    for artist in model.artists:
        if split_of(artist) == "train":
            songs = [model.song(artist, index) for index in range(model.song_count(artist))]
            for vote, counts in zip(votes, add_counts(model.chain, nothing, songs), strict=True):
                vote += counts / (counts.sum() + 5)
    return tuple(
        prior.sum() * vote / vote.sum() for prior, vote in zip(model.chain.prior, votes, strict=True)
    )


def predictives(model: SyntheticModel, learnt: Weights, artist: str, other: str) -> Mapping[str, Predictive]:
    """Return predictives of `artist`, from no knowledge to full knowledge; `other` is the wrong artist."""
    support = [model.song(artist, index) for index in range(max(SHOTS))]
    wrong = [model.song(other, index) for index in range(5)]
    chain = model.chain
    return {
        "base measures, no adaptation": Predictive(chain, chain.prior, learns=False),
        "Bayes-optimal, 5 shots of another artist": model.bayes_optimal(wrong),
        "learnt base measures, 0 shots": Predictive(chain, learnt, learns=True),
        "learnt base measures, 5 shots": Predictive(
            chain, add_counts(chain, learnt, support[:5]), learns=True
        ),
        **{f"Bayes-optimal, {shots} shots": model.bayes_optimal(support[:shots]) for shots in SHOTS},
        "oracle": model.oracle(artist),
    }


def measure(track: str) -> Table:
    """Return one row per predictive: its mean over test artists in two units, and the gain over 0 shots."""
    model, codec = synthetic_model(track), load_codec(CODECS[track])
    learnt = learnt_prior(model)
    artists = [artist for artist in model.artists if split_of(artist) == "test"]
    nats: dict[str, list[float]] = {}
    tokens, units = [], []
    for place, artist in enumerate(artists):
        count = model.song_count(artist)
        query = [model.song(artist, index) for index in range(count - QUERIES, count)]
        tokens.append(sum(map(len, query)))
        units.append(sum(map(codec.units, query)))
        for name, predictive in predictives(model, learnt, artist, artists[place - 1]).items():
            nats.setdefault(name, []).append(sum(map(predictive.nll, query)))

    unit = "bits/byte" if codec.unit == "byte" else "nats/note"
    scale = math.log(2) if codec.unit == "byte" else 1.0
    table = Table(
        title=f"{track}: {len(artists)} test artists, {sum(tokens):,} query tokens", title_justify="left"
    )
    table.add_column("")
    for heading in ("nats/token", "± s.e.", unit, "0 shots minus this"):
        table.add_column(heading, justify="right")
    per_token = {name: np.array(values) / tokens for name, values in nats.items()}
    per_token["uniform"] = np.full(len(artists), math.log(codec.vocab_size))
    for name in sorted(per_token, key=lambda name: -per_token[name].mean()):
        values = per_token[name]
        error = values.std(ddof=1) / math.sqrt(len(values))
        in_units = (values * tokens / units / scale).mean()
        gain = (per_token["Bayes-optimal, 0 shots"] - values).mean()
        table.add_row(name, f"{values.mean():.3f}", f"{error:.3f}", f"{in_units:.3f}", f"{gain:+.3f}")
    return table


def main() -> None:
    console = Console(width=100)
    for track in CODECS:
        start = time.perf_counter()
        console.print(measure(track))
        console.print(f"{time.perf_counter() - start:.1f} s\n")


if __name__ == "__main__":
    main()
