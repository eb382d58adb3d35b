"""Interpolated modified Kneser-Ney smoothing (Chen & Goodman 1999).

With h' the context h without its oldest token, for each order k from 1 up,

    p_k(w | h) = [ c_k(h w) - D_k(c_k(h w)) + G_k(h) p_{k-1}(w | h') ] / c_k(h)
    G_k(h)     = sum_i D_k(i) N_i(h)

and p_0 is uniform. At the highest order c_k counts occurrences. Below it, c_k counts the different tokens
that precede the n-gram, except for n-grams that begin a song, whose occurrences are counted. N_i(h) is the
number of w with c_k(h w) = 1, 2, or at least 3. With n_i the number of n-grams of order k whose count is i,
and Y = n_1 / (n_1 + 2 n_2), the discounts are D_k(i) = i - (i + 1) Y n_{i+1} / n_i for i = 1, 2, 3; D_k(3)
also applies above 3. A context that never occurred passes p_{k-1} on.

With one discount d for all counts and a concentration theta,

    p_k(w | h) = [ c_k(h w) - d t_k(h w) + (theta + d t_k(h)) p_{k-1}(w | h') ] / (theta + c_k(h))

this is a hierarchical Pitman-Yor process whose restaurants have one table for each dish, t_k(h w) = 1 (Teh
2006, "A Hierarchical Bayesian Language Model based on Pitman-Yor Processes").

N-grams are sorted arrays of keys (number of the prefix, last token), so the contexts of many tokens are
looked up together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from fsdl_bench import BOS, PAD, Tokens

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Counts:
    """The n-grams of some songs by order. The n-grams of one order are numbered in the order of their keys.

    Attributes:
        keys: keys[k] int64, sorted: number of the prefix of k - 1 tokens * V + last token.
        raw: raw[k], the occurrences of each n-gram.
        preceding: preceding[k], the number of different tokens before each n-gram, or the occurrences of one
            that begins a song.
    """

    def __init__(self, songs: Sequence[Tokens], vocab_size: int, order: int) -> None:
        self.vocab_size = vocab_size
        text = np.concatenate([[BOS, *song.tolist()] for song in songs])
        position = np.concatenate([np.arange(len(song) + 1) for song in songs])
        nothing = np.zeros(0, np.int64)
        self.keys, self.preceding = [nothing, np.arange(vocab_size)], [nothing]
        self.raw = [nothing, np.bincount(text[position > 0], minlength=vocab_size)]
        numbers, begins = text, np.zeros(vocab_size, bool)
        for k in range(2, order + 1):
            (ends,) = np.nonzero(position >= k - 1)
            if not len(ends):
                break  # no song is so long
            keys, first, found = np.unique(
                numbers[ends - 1] * vocab_size + text[ends], return_index=True, return_inverse=True
            )
            different = np.bincount(numbers[ends[first]], minlength=len(begins))
            self.preceding.append(np.where(begins, self.raw[k - 1], different))
            self.keys.append(keys)
            self.raw.append(np.bincount(found))
            begins = position[ends[first]] == k - 1
            numbers = np.full(len(text), -1)
            numbers[ends] = found


class KneserNey:
    """p(next token | context) by n-grams of at most `order` tokens.

    Args:
        counts: of the songs.
        order: the longest n-grams.
        processes: (d, theta) for each order, for Pitman-Yor processes instead of modified discounts.

    Attributes:
        order: as given, or less if no song is so long.
        vocab_size: V.
        size: the number of n-grams.
        levels: the orders from 1 up.
        uniform, unigram: p_0 [V] and p_1 [1, V].
    """

    def __init__(
        self, counts: Counts, order: int, processes: Sequence[tuple[float, float]] | None = None
    ) -> None:
        self.order, self.vocab_size = min(order, len(counts.raw) - 1), counts.vocab_size
        self.size = sum(len(keys) for keys in counts.keys[2 : order + 1]) + counts.vocab_size
        self.levels = [
            Level(
                counts.keys[k],
                counts.raw[k] if k == self.order else counts.preceding[k],
                contexts=len(counts.keys[k - 1]) if k > 1 else 1,
                vocab_size=self.vocab_size,
                process=processes[k - 1] if processes else None,
            )
            for k in range(1, self.order + 1)
        ]
        self.uniform = np.full(self.vocab_size, 1 / (self.vocab_size - 2))
        self.uniform[[PAD, BOS]] = 0.0
        self.unigram = self.uniform[None].copy()
        self.levels[0].interpolate(self.unigram, np.zeros(1, np.int64))

    def probabilities(self, tokens: npt.ArrayLike) -> Floats:
        """Return float64 [T, V]: row t is p(. | tokens[:t]) in a song that begins with `tokens`."""
        return self.given(self.contexts(with_bos(tokens)[:-1]))

    def given(self, contexts: Sequence[Ints]) -> Floats:
        """Return float64 [N, V]: the distribution after each of N contexts, from `contexts` or `extended`."""
        *_, (found, _) = self.by_level(contexts)
        return found

    def by_level(self, contexts: Sequence[Ints]) -> Iterator[tuple[Floats, Floats]]:
        """Yield p_k [N, V] and c_k(h) [N] for each k. It is one array: a change to p_k enters p_{k+1}."""
        found = np.tile(self.unigram, (len(contexts[0]), 1))
        for level, numbers in zip(self.levels, contexts, strict=True):
            if level is not self.levels[0]:
                level.interpolate(found, numbers)
            yield found, level.total(numbers)

    def of_targets(self, tokens: npt.ArrayLike) -> Floats:
        """Return float64 [T]: p(tokens[t] | tokens[:t])."""
        found = self.uniform[np.asarray(tokens, np.int64)]
        for own, passed, _ in self.parts_of_targets(tokens):
            found = own + passed * found
        return found

    def parts_of_targets(self, tokens: npt.ArrayLike) -> list[tuple[Floats, Floats, Floats]]:
        """Return (a, b, c_k(h)) for each k, with p_k(tokens[t]) = a + b p_{k-1}(tokens[t]); each [T]."""
        text = with_bos(tokens)
        pairs = zip(self.levels, self.contexts(text[:-1]), strict=True)
        return [(*level.parts(contexts, text[1:]), level.total(contexts)) for level, contexts in pairs]

    def contexts(self, text: Ints) -> list[Ints]:
        """Return, for each level, the number of the context that ends at each token, or -1."""
        numbers = [np.zeros_like(text), text]
        for level in self.levels[1:-1]:
            longer = np.full_like(text, -1)
            longer[1:] = level.find(numbers[-1][:-1], text[1:])
            numbers.append(longer)
        return numbers[: self.order]

    def extended(self, contexts: Sequence[Ints] | None, tokens: Ints) -> list[Ints]:
        """Return the contexts [B] after one more token of each of B songs; None is the start of the songs."""
        numbers = [np.zeros_like(tokens), tokens]
        for k, level in enumerate(self.levels[1:-1], 1):
            before = np.full_like(tokens, -1) if contexts is None else contexts[k]
            numbers.append(level.find(before, tokens))
        return numbers[: self.order]


def with_bos(tokens: npt.ArrayLike) -> Ints:
    """Return BOS and the tokens."""
    return np.concatenate([[BOS], np.asarray(tokens, np.int64)])


class Level:
    """One order of the model: p_k from p_{k-1}.

    Args:
        keys: of the n-grams, as in `Counts`.
        counts: c_k of each.
        contexts: the number of n-grams of the order below.
        vocab_size: V.
        process: (d, theta); modified Kneser-Ney discounts, and theta = 0, if None.
    """

    def __init__(
        self,
        keys: Ints,
        counts: Ints,
        *,
        contexts: int,
        vocab_size: int,
        process: tuple[float, float] | None = None,
    ) -> None:
        self.keys, self.counts, self.vocab_size = keys, counts, vocab_size
        discount, theta = process or (0.0, 0.0)
        self.discounts = np.array([0.0, *[discount] * 3]) if process else discounts(counts)
        parents = keys // vocab_size
        self.starts = np.searchsorted(parents, np.arange(contexts + 1))
        self.totals = np.bincount(parents, counts, contexts)
        self.weight = self.totals + theta
        self.spare = np.bincount(parents, self.discounts[np.minimum(counts, 3)], contexts) + theta

    def find(self, contexts: Ints, tokens: Ints) -> Ints:
        """Return the number of each n-gram, -1 for one that never occurred."""
        wanted = contexts * self.vocab_size + tokens
        index = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.where((contexts >= 0) & (self.keys[index] == wanted), index, -1)

    def total(self, contexts: Ints) -> Floats:
        """Return c_k(h), 0 for a context that never occurred."""
        return np.where(contexts >= 0, self.totals[contexts], 0.0)

    def parts(self, contexts: Ints, tokens: Ints) -> tuple[Floats, Floats]:
        """Return (a, b) with p_k = a + b p_{k-1} for each token."""
        total, entries = self.total(contexts), self.find(contexts, tokens)
        counts = np.where(entries >= 0, self.counts[entries], 0)
        own, spare = counts - self.discounts[np.minimum(counts, 3)], self.spare[contexts]
        known, weight = total > 0, self.weight[contexts]
        return np.divide(own, weight, out=np.zeros_like(total), where=known), np.divide(
            spare, weight, out=np.ones_like(total), where=known
        )

    def tables(self, contexts: Ints) -> Ints:
        """Return the number of different tokens after each context."""
        return np.where(contexts >= 0, self.starts[contexts + 1] - self.starts[contexts], 0)

    def interpolate(self, lower: Floats, contexts: Ints) -> None:
        """Turn p_{k-1} [N, V] into p_k in place."""
        total = self.total(contexts)
        (rows,) = np.nonzero(total)
        known = contexts[rows]
        passed = np.ones(len(lower))
        passed[rows] = self.spare[known] / self.weight[known]
        lower *= passed[:, None]
        which, entries = ranges(self.starts[known], self.starts[known + 1])
        counts, rows = self.counts[entries], rows[which]
        own = (counts - self.discounts[np.minimum(counts, 3)]) / self.weight[known][which]
        lower[rows, self.keys[entries] % self.vocab_size] += own


def ranges(starts: Ints, ends: Ints) -> tuple[Ints, Ints]:
    """Return the integers in all ranges [start, end), and before them the index of the range of each."""
    sizes = ends - starts
    which = np.repeat(np.arange(len(sizes)), sizes)
    return which, np.arange(len(which)) + (starts - (np.cumsum(sizes) - sizes))[which]


def discounts(counts: Ints) -> Floats:
    """Return D(0) = 0 to D(3); 0.5, 1 and 1.5 if there are too few n-grams to estimate them."""
    n = np.bincount(np.minimum(counts, 5), minlength=6)
    if n[1:5].all():
        y = n[1] / (n[1] + 2 * n[2])
        found = np.array([0.0, *(i - (i + 1) * y * n[i + 1] / n[i] for i in (1, 2, 3))])
        if (found[1:] > 0).all() and (found <= np.arange(4)).all():
            return found
    return np.array([0.0, 0.5, 1.0, 1.5])
