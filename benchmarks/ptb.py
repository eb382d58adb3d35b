"""Check the neural cache and dynamic evaluation on Penn Treebank, where the literature knows what they gain.

    python benchmarks/ptb.py --data DIR

DIR holds `ptb.train.txt`, `ptb.valid.txt` and `ptb.test.txt`: one sentence a line, words divided by spaces.
An LSTM of 200 units is trained with the project's own modules, then the test words are scored one after the
other, with the state carried along:

    static               the trained weights
    neural cache         window 500; Grave, Joulin & Usunier 2017 gain 13 to 17 %: a ratio of 0.83 to 0.90
    dynamic evaluation   RMS; Krause et al. 2018 gain 6 % or more: a ratio of 0.94 or less

The settings of both are chosen on validation words. Training writes checkpoints to DIR/fsdl-bench and goes on
from there.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from fsdl_bench import FitContext

sys.path.insert(0, str(Path(__file__).parents[1] / "baselines"))

from common.cache import CacheSettings, no_memory, song_mixture
from common.dynamic import Learner, Rule
from common.gradient_statistics import make_rule, root_mean_squares
from common.lstm import LSTMLanguageModel
from common.pieces import piece_losses
from common.training import Recipe, train

FIRST = 3
"""The id of the first word; those below are PAD, BOS and EOS of the project."""

WINDOW = 500
PIECE = 35
SEGMENT = 20
CHOSEN_ON = 10_000
"""Validation words that settings are chosen on."""


@dataclass(frozen=True)
class Words:
    """A vocabulary in place of a codec."""

    ids: dict[str, int]

    @property
    def vocab_size(self) -> int:
        return FIRST + len(self.ids)

    def read(self, path: Path) -> Tensor:
        """Return the words of a file as int64 [T]; each line ends with <eos>."""
        return torch.tensor([self.ids[word] for word in words_of(path)])


def words_of(path: Path) -> list[str]:
    """Return the words of a file, and <eos> after each line."""
    return [
        word for line in path.read_text(encoding="utf-8").splitlines() for word in [*line.split(), "<eos>"]
    ]


@dataclass(frozen=True)
class Rows:
    """The training words as B long rows; a batch is the next part of every row.

    Attributes:
        inputs: int64 [B, T].
        targets: int64 [B, T], the next words.
        length: words of a part.
    """

    inputs: Tensor
    targets: Tensor
    length: int

    @classmethod
    def of(cls, tokens: Tensor, rows: int, length: int) -> Rows:
        """Cut tokens int64 [N] into rows."""
        width = (len(tokens) - 1) // rows
        inputs, targets = (tokens[start : start + rows * width].view(rows, width) for start in (0, 1))
        return cls(inputs, targets, min(length, width))

    @property
    def per_epoch(self) -> int:
        return self.inputs.shape[1] // self.length

    def part(self, index: int) -> tuple[Tensor, Tensor]:
        """Return inputs and targets of a batch."""
        start = index % self.per_epoch * self.length
        return self.inputs[:, start : start + self.length], self.targets[:, start : start + self.length]

    def __call__(self, index: int) -> Tensor:
        return self.part(index)[1]


def trained(rows: Rows, valid: Tensor, words: Words, folder: Path, epochs: int) -> LSTMLanguageModel:
    """Return the trained LSTM."""
    torch.manual_seed(0)
    model = LSTMLanguageModel(words.vocab_size, embedding=200, hidden=200, dropout=0.4)
    folder.mkdir(parents=True, exist_ok=True)
    context = FitContext(
        track="ptb",
        kind="lyrics",
        digest="",
        codec=words,
        shots=(0,),
        queries=1,
        device=torch.device("cpu"),
        seed=0,
        checkpoints=folder,
    )
    count = epochs * rows.per_epoch
    recipe = Recipe(
        batches=count,
        peak=5e-3,
        warmup=max(1, count // 20),
        weight_decay=0.01,
        every=rows.per_epoch,
        average=0.02,
    )
    train(
        model,
        rows.part,
        lambda part: piece_losses(model, part[0], part[1], PIECE),
        lambda: static(model, valid) / (len(valid) - 1),
        recipe,
        context,
        tokens=lambda part: part[1].numel(),
        name=f"ptb-{epochs}",
    )
    return model


@torch.no_grad()
def read(model: LSTMLanguageModel, tokens: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield features [1, n, D] and targets int64 [1, n] of the next WINDOW words, with the state carried."""
    state = None
    for start in range(0, len(tokens) - 1, WINDOW):
        targets = tokens[None, start + 1 : start + 1 + WINDOW]
        features, state = model.features(tokens[None, start : start + targets.shape[1]], state)
        yield features, targets


def nats(scores: Tensor, targets: Tensor) -> float:
    """Return the sum of -log p of targets [n] under scores [n, V]."""
    return float(-scores.double().log_softmax(-1).gather(-1, targets[:, None]).sum())


@torch.no_grad()
def static(model: LSTMLanguageModel, tokens: Tensor) -> float:
    """Return the nats of all words but the first."""
    return sum(nats(model.scores(features[0]), targets[0]) for features, targets in read(model, tokens))


@torch.no_grad()
def cached(model: LSTMLanguageModel, tokens: Tensor, settings: CacheSettings) -> float:
    """Return the nats with a cache of the last words."""
    memory, total = no_memory(model), 0.0
    for features, targets in read(model, tokens):
        total += nats(song_mixture(model, settings, memory, features, targets)[0], targets[0])
        memory = memory.extended(features[0], targets[0], settings.window)
    return total


def dynamic(model: LSTMLanguageModel, tokens: Tensor, rule: Rule) -> float:
    """Return the nats of weights that learn from each segment after it was scored."""
    learner, state, total = Learner(model), None, 0.0
    for start in tqdm(range(0, len(tokens) - 1, SEGMENT), desc="dynamic evaluation", unit="segment"):
        targets = tokens[None, start + 1 : start + 1 + SEGMENT]
        inputs = tokens[None, start : start + targets.shape[1]]
        scores, state = learner.segment(inputs, targets, state, rule)
        total += nats(scores, targets[0])
    return total


def choose_cache(model: LSTMLanguageModel, valid: Tensor) -> CacheSettings:
    """Return the best sharpness and share on validation words."""
    square = float(torch.cat([features[0].square().sum(-1) for features, _ in read(model, valid)]).mean())
    grid = [
        CacheSettings(sharpness / square, share, WINDOW)
        for sharpness, share in product((2.0, 5.0, 10.0, 20.0), (0.02, 0.05, 0.1, 0.2, 0.3))
    ]
    return min(tqdm(grid, desc="cache", unit="setting"), key=lambda one: cached(model, valid, one))


def choose_rule(model: LSTMLanguageModel, rows: Rows, valid: Tensor) -> Rule:
    """Return the best rate and pull on validation words."""
    roots = root_mean_squares(model, rows, SEGMENT, 300)
    rules = [
        make_rule(roots, eta, pull, SEGMENT, 2e-5)
        for eta, pull in product((3e-5, 1e-4, 3e-4, 1e-3), (0.001, 0.01))
    ]
    return min(rules, key=lambda rule: dynamic(model, valid, rule))


def main() -> None:
    """Print the three perplexities and the two ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--rows", type=int, default=20)
    given = parser.parse_args()
    paths = {split: given.data / f"ptb.{split}.txt" for split in ("train", "valid", "test")}
    missing = [str(path) for path in paths.values() if not path.is_file()]
    if missing:
        parser.error(f"expected the files of Penn Treebank; missing: {', '.join(missing)}")
    known = dict.fromkeys(word for path in paths.values() for word in words_of(path))
    words = Words({word: FIRST + number for number, word in enumerate(known)})
    text = {split: words.read(path) for split, path in paths.items()}
    rows = Rows.of(text["train"], given.rows, 20 * PIECE)
    model = trained(rows, text["valid"], words, given.data / "fsdl-bench", given.epochs)
    chosen_on = text["valid"][:CHOSEN_ON]
    count = len(text["test"]) - 1
    found = {
        "static": static(model, text["test"]),
        "neural cache": cached(model, text["test"], choose_cache(model, chosen_on)),
        "dynamic evaluation": dynamic(model, text["test"], choose_rule(model, rows, chosen_on)),
    }
    print(f"{'':20}{'perplexity':>11}{'ratio':>8}")
    for name, total in found.items():
        ratio = math.exp((total - found["static"]) / count)
        print(f"{name:20}{math.exp(total / count):11.2f}{ratio:8.3f}")


if __name__ == "__main__":
    main()
