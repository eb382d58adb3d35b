"""N-gram language model with interpolated modified Kneser-Ney smoothing; the support is ignored.

Chen & Goodman (1999). With h' the context h without its oldest token, for each order k from 1 up,

    p_k(w | h) = [ c_k(h w) - D_k(c_k(h w)) + G_k(h) p_{k-1}(w | h') ] / c_k(h)
    G_k(h)     = sum_i D_k(i) N_i(h)

and p_0 is uniform. c_k counts occurrences at the highest order; below it, and unless the n-gram begins a
song, it counts the different tokens that precede the n-gram. N_i(h) is how many w have c_k(h w) = 1, 2, 3
or more. With n_i the n-grams of order k whose count is i and Y = n_1 / (n_1 + 2 n_2), the discounts are
D_k(i) = i - (i + 1) Y n_{i+1} / n_i for i = 1, 2, 3 and above. A context that never occurred passes p_{k-1}
on.

Nothing is tuned but the order, on the validation songs. N-grams are kept as sorted arrays, each under a key
made of (number of its prefix, last token), so that all contexts of a song are looked up at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch

from fsdl_bench import BOS, PAD, FitContext, Split, Tokens

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class NGram:
    """Interpolated modified Kneser-Ney n-grams, the order chosen on the validation songs.

    Args:
        orders: the orders to choose from.
    """

    family = "n-gram"

    def __init__(self, orders: tuple[int, ...] = (2, 3, 4, 5, 6, 7, 8)) -> None:
        self.orders = orders

    def fit(self, train: Split, validation: Split, context: FitContext) -> None:
        """Count the meta-training songs, and choose the order."""
        self.model = best_order(train, validation, context, self.orders)
        self.notes = {"order": self.model.order}

    def adapt(self, support: Sequence[Tokens]) -> NGram:
        """The same for every artist."""
        return self

    def logits(self, songs: torch.Tensor) -> torch.Tensor:
        """[B, T] -> log-probabilities [B, T, V]."""
        return log_scores(self.model.probabilities, songs, self.model.vocab_size)

    def parameters(self) -> int:
        """How many n-grams are stored."""
        return self.model.size


def best_order(train: Split, validation: Split, context: FitContext, orders: Sequence[int]) -> KneserNey:
    """Kneser-Ney on the meta-training songs, of the order with the least NLL on the validation songs.

    The middle one of `orders` where there is no validation song.
    """
    counts = Counts([song.tokens for song in train.songs], context.vocab_size, max(orders))
    held_out = [song.tokens for song in validation.songs]
    if not held_out:
        return KneserNey(counts, orders[len(orders) // 2])
    nats = {}
    for order in orders:
        model = KneserNey(counts, order)
        total = sum(-np.log(model.of_targets(song)).sum() for song in held_out)
        nats[order] = float(total / sum(map(len, held_out)))
        context.log(f"order {order}: {nats[order]:.4f} nats/token on validation, {model.size:,} n-grams")
    return KneserNey(counts, min(nats, key=nats.__getitem__))


def log_scores(
    probabilities: Callable[[npt.ArrayLike], Floats], songs: torch.Tensor, vocab_size: int
) -> torch.Tensor:
    """Log-probabilities [B, T, V] of songs [B, T]; zeros where there is only padding."""
    scores = torch.zeros((*songs.shape, vocab_size), dtype=torch.float64)
    for song, rows in zip(songs.cpu().numpy(), scores.numpy(), strict=True):
        (tokens,) = np.nonzero(song != PAD)
        length = tokens[-1] + 1 if len(tokens) else 0
        with np.errstate(divide="ignore"):  # PAD and BOS never come
            np.log(probabilities(song[:length]), out=rows[:length])
    return scores


class Counts:
    """The n-grams of some songs, order by order; those of one order are numbered in the order of their keys.

    Attributes:
        keys: keys[k] int64, sorted: number of the prefix of k - 1 tokens * V + last token.
        raw: raw[k], how often each occurred.
        preceding: preceding[k], how many different tokens precede each (how often, where it begins a song).
    """

    def __init__(self, songs: Sequence[Tokens], vocab_size: int, order: int) -> None:
        self.vocab_size = vocab_size
        text = np.concatenate([[BOS, *song.tolist()] for song in songs])
        place = np.concatenate([np.arange(len(song) + 1) for song in songs])
        nothing = np.zeros(0, np.int64)
        self.keys, self.preceding = [nothing, np.arange(vocab_size)], [nothing]
        self.raw = [nothing, np.bincount(text[place > 0], minlength=vocab_size)]
        numbers, begins = text, np.zeros(vocab_size, bool)
        for k in range(2, order + 1):
            (ends,) = np.nonzero(place >= k - 1)
            if not len(ends):
                break  # no song is so long
            keys, first, found = np.unique(
                numbers[ends - 1] * vocab_size + text[ends], return_index=True, return_inverse=True
            )
            different = np.bincount(numbers[ends[first]], minlength=len(begins))
            self.preceding.append(np.where(begins, self.raw[k - 1], different))
            self.keys.append(keys)
            self.raw.append(np.bincount(found))
            begins = place[ends[first]] == k - 1
            numbers = np.full(len(text), -1)
            numbers[ends] = found


class KneserNey:
    """p(next token | context) by n-grams of at most `order` tokens.

    Attributes:
        order: as given, or the longest song's length and BOS.
        vocab_size: V.
        size: how many n-grams it holds.
        levels: the orders from 1 up.
        uniform, unigram: p_0 [V] and p_1 [1, V].
    """

    def __init__(self, counts: Counts, order: int) -> None:
        self.order, self.vocab_size = min(order, len(counts.raw) - 1), counts.vocab_size
        self.size = sum(len(keys) for keys in counts.keys[2 : order + 1]) + counts.vocab_size
        self.levels = [
            Level(
                counts.keys[k],
                counts.raw[k] if k == self.order else counts.preceding[k],
                contexts=len(counts.keys[k - 1]) if k > 1 else 1,
                vocab_size=self.vocab_size,
            )
            for k in range(1, self.order + 1)
        ]
        self.uniform = np.full(self.vocab_size, 1 / (self.vocab_size - 2))
        self.uniform[[PAD, BOS]] = 0.0
        self.unigram = self.uniform[None].copy()
        self.levels[0].interpolate(self.unigram, np.zeros(1, np.int64))

    def probabilities(self, tokens: npt.ArrayLike) -> Floats:
        """float64 [T, V]: row t is p(. | tokens[:t]) in a song that begins with `tokens`."""
        *_, (found, _) = self.by_level(tokens)
        return found

    def by_level(self, tokens: npt.ArrayLike) -> Iterator[tuple[Floats, Floats]]:
        """p_k [T, V] and c_k(h) [T] for each k; in one array, so a change to p_k goes into p_{k+1}."""
        text = np.concatenate([[BOS], np.asarray(tokens, np.int64)])[:-1]
        found = np.tile(self.unigram, (len(text), 1))
        for level, contexts in zip(self.levels, self.contexts(text), strict=True):
            if level is not self.levels[0]:
                level.interpolate(found, contexts)
            yield found, level.total(contexts)

    def of_targets(self, tokens: npt.ArrayLike) -> Floats:
        """float64 [T]: p(tokens[t] | tokens[:t])."""
        found = self.uniform[np.asarray(tokens, np.int64)]
        for own, passed, _ in self.parts_of_targets(tokens):
            found = own + passed * found
        return found

    def parts_of_targets(self, tokens: npt.ArrayLike) -> list[tuple[Floats, Floats, Floats]]:
        """For each k: what p_k(tokens[t]) has of its own, which part of p_{k-1} it adds, and c_k(h); each
        [T]."""
        text = np.concatenate([[BOS], np.asarray(tokens, np.int64)])
        pairs = zip(self.levels, self.contexts(text[:-1]), strict=True)
        return [(*level.parts(contexts, text[1:]), level.total(contexts)) for level, contexts in pairs]

    def contexts(self, text: Ints) -> list[Ints]:
        """For each level the number of the context that ends at each token of `text`; -1 if never seen."""
        numbers = [np.zeros_like(text), text]
        for level in self.levels[1:-1]:
            longer = np.full_like(text, -1)
            longer[1:] = level.find(numbers[-1][:-1], text[1:])
            numbers.append(longer)
        return numbers[: self.order]


class Level:
    """One order of the model: p_k from p_{k-1}.

    Args:
        keys: of the n-grams, as in `Counts`.
        counts: c_k of each.
        contexts: how many n-grams the order below has.
        vocab_size: V.
    """

    def __init__(self, keys: Ints, counts: Ints, *, contexts: int, vocab_size: int) -> None:
        self.keys, self.counts, self.vocab_size = keys, counts, vocab_size
        self.discounts = discounts(counts)
        parents = keys // vocab_size
        self.starts = np.searchsorted(parents, np.arange(contexts + 1))
        self.totals = np.bincount(parents, counts, contexts)
        self.spare = np.bincount(parents, self.discounts[np.minimum(counts, 3)], contexts)

    def find(self, contexts: Ints, tokens: Ints) -> Ints:
        """The number of each n-gram, -1 for one that never occurred."""
        wanted = contexts * self.vocab_size + tokens
        place = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.where((contexts >= 0) & (self.keys[place] == wanted), place, -1)

    def total(self, contexts: Ints) -> Floats:
        """c_k(h), 0 for a context that never occurred."""
        return np.where(contexts >= 0, self.totals[contexts], 0.0)

    def parts(self, contexts: Ints, tokens: Ints) -> tuple[Floats, Floats]:
        """What p_k of each token has of its own, and which part of p_{k-1} is added to it."""
        total, entries = self.total(contexts), self.find(contexts, tokens)
        counts = np.where(entries >= 0, self.counts[entries], 0)
        own, spare = counts - self.discounts[np.minimum(counts, 3)], self.spare[contexts]
        known = total > 0
        return np.divide(own, total, out=np.zeros_like(total), where=known), np.divide(
            spare, total, out=np.ones_like(total), where=known
        )

    def interpolate(self, lower: Floats, contexts: Ints) -> None:
        """Turn p_{k-1} [T, V] into p_k in place."""
        total = self.total(contexts)
        (rows,) = np.nonzero(total)
        known = contexts[rows]
        passed = np.ones(len(lower))
        passed[rows] = self.spare[known] / total[rows]
        lower *= passed[:, None]
        places, entries = ranges(self.starts[known], self.starts[known + 1])
        counts, rows = self.counts[entries], rows[places]
        own = (counts - self.discounts[np.minimum(counts, 3)]) / total[rows]
        lower[rows, self.keys[entries] % self.vocab_size] += own


def ranges(starts: Ints, ends: Ints) -> tuple[Ints, Ints]:
    """The numbers in all the ranges [start, end): (which range each number is of, the numbers)."""
    sizes = ends - starts
    which = np.repeat(np.arange(len(sizes)), sizes)
    return which, np.arange(len(which)) + (starts - (np.cumsum(sizes) - sizes))[which]


def discounts(counts: Ints) -> Floats:
    """D(0) to D(3), with D(0) = 0; 0.5, 1 and 1.5 where the counts of counts are too few to tell."""
    n = np.bincount(np.minimum(counts, 5), minlength=6)
    if n[1:5].all():
        y = n[1] / (n[1] + 2 * n[2])
        found = np.array([0.0, *(i - (i + 1) * y * n[i + 1] / n[i] for i in (1, 2, 3))])
        if (found[1:] > 0).all() and (found <= np.arange(4)).all():
            return found
    return np.array([0.0, 0.5, 1.0, 1.5])
