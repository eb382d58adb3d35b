"""The hierarchical Dirichlet-multinomial Markov model: drawing songs, and their exact probability.

    theta[a, c] ~ Dirichlet(alpha[c] m[c])             for each artist a and context c
    x[t] | x[<t] ~ Categorical(theta[a, c(x[<t])])     for each token, EOS included

`m[c]` is the base measure that all artists share. Where the artist is known, `theta` gives the probability of
a song (the oracle). Where only songs of the artist are known, `theta` integrates out, and the best prediction
that anyone can make is the Dirichlet-multinomial: with n[c, s] the number of times that symbol s was drawn in
context c, in the support and so far in the song,

    p(s | c, support, past) = (n[c, s] + alpha[c] m[c, s]) / (n[c] + alpha[c])
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import inf, log
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from fsdl_bench.codecs.base import Tokens

Weights: TypeAlias = tuple[npt.NDArray[np.float64], ...]
"""One float64 [symbols] for each context: a prior, a posterior, or probabilities."""


@dataclass(frozen=True, eq=False)
class Slot:
    """A position in a song: its context, and the tokens of the symbols that can be drawn.

    Attributes:
        context: index of the context.
        tokens: int64 [symbols], the token of each symbol, all different.
    """

    context: int
    tokens: npt.NDArray[np.int64]

    @cached_property
    def symbol_of(self) -> dict[int, int]:
        """Token to symbol."""
        return {token: symbol for symbol, token in enumerate(self.tokens.tolist())}


class Chain(Protocol):
    """The form of songs and the prior that all artists share.

    Attributes:
        vocab_size: V.
        longest: no song has more tokens, EOS included.
        prior: alpha[c] m[c] by context.
    """

    vocab_size: int
    longest: int
    prior: Weights

    def song(self) -> Generator[Slot, int, None]:
        """Yield the slot of each token in turn; each is sent its token. Return after EOS."""
        ...


class Predictive:
    """The distribution of every next token of a song: of a known artist, or of one known by some songs.

    Args:
        chain: the model.
        weights: probabilities, or Dirichlet parameters; they need not add up to 1.
        learns: whether the tokens of a song are added to `weights` as the song goes on.
    """

    def __init__(self, chain: Chain, weights: Weights, *, learns: bool) -> None:
        self._chain = chain
        self._weights = weights
        self._learns = learns

    def log_probs(self, tokens: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return float64 [T, V]: row t is log p(. | tokens[:t]) in nats, -inf for excluded tokens.

        After EOS, and after the first token that the model excludes, the rows are uniform.
        """
        ids: list[int] = np.asarray(tokens).tolist()
        out = np.empty((len(ids), self._chain.vocab_size))
        steps = self.steps()
        for row in range(len(ids)):
            out[row] = steps.send(ids[row - 1] if row else None)
        return out

    def steps(self) -> Generator[npt.NDArray[np.float64], int | None, None]:
        """Yield the rows of `log_probs` one after the other; each is sent the token that it predicted."""
        own: dict[int, npt.NDArray[np.float64]] = {}
        song = self._chain.song()
        slot: Slot | None = next(song)
        uniform = np.full(self._chain.vocab_size, -log(self._chain.vocab_size))
        while slot is not None:
            row = np.full(self._chain.vocab_size, -inf)
            weights = own.get(slot.context, self._weights[slot.context])
            with np.errstate(divide="ignore"):  # an artist's probability may be 0 in float64
                row[slot.tokens] = np.log(weights / weights.sum())
            slot = self._next(slot, song, (yield row), own)
        while True:
            yield uniform

    def nll(self, tokens: npt.ArrayLike) -> float:
        """-log p(tokens) in nats; the whole song if it ends with EOS, else all songs that begin so."""
        ids: list[int] = np.asarray(tokens).tolist()
        total, count = 0.0, 0
        for count, (slot, weights) in enumerate(self._places(ids), 1):
            symbol = slot.symbol_of.get(ids[count - 1])
            mass = 0.0 if symbol is None else float(weights[symbol])
            total -= log(mass / float(weights.sum())) if mass else -inf
        return total if count == len(ids) else inf

    def given(self, song: npt.ArrayLike) -> Predictive:
        """Return the predictive after `song` of the same artist; the oracle has nothing to learn."""
        if not self._learns:
            return self
        return Predictive(self._chain, add_counts(self._chain, self._weights, [song]), learns=True)

    def _places(self, ids: list[int]) -> Iterator[tuple[Slot, npt.NDArray[np.float64]]]:
        """The slot and the weights of each token, as long as the sequence is one of the model."""
        own: dict[int, npt.NDArray[np.float64]] = {}
        song = self._chain.song()
        slot: Slot | None = next(song)
        for token in ids:
            if slot is None:
                return
            yield slot, own.get(slot.context, self._weights[slot.context])
            slot = self._next(slot, song, token, own)

    def _next(
        self,
        slot: Slot,
        song: Generator[Slot, int, None],
        token: int | None,
        own: dict[int, npt.NDArray[np.float64]],
    ) -> Slot | None:
        """Return the slot after a token, and count the token in `own`; None after the end of the song."""
        symbol = None if token is None else slot.symbol_of.get(token)
        if token is None or symbol is None:
            return None
        if self._learns:
            own[slot.context] = own.get(slot.context, self._weights[slot.context]).copy()
            own[slot.context][symbol] += 1
        try:
            return song.send(token)
        except StopIteration:
            return None


def add_counts(chain: Chain, weights: Weights, songs: Iterable[npt.ArrayLike]) -> Weights:
    """`weights` plus how often each symbol was drawn in each context of `songs`; a new copy.

    Raises:
        ValueError: a song is not one of the model; names the position and the token.
    """
    weights = tuple(weight.copy() for weight in weights)
    for tokens in songs:
        song = chain.song()
        slot: Slot | None = next(song)
        for position, token in enumerate(np.asarray(tokens).tolist()):
            symbol = None if slot is None else slot.symbol_of.get(token)
            if slot is None or symbol is None:
                raise ValueError(f"not a song of this model: token {token} at position {position}")
            weights[slot.context][symbol] += 1
            try:
                slot = song.send(token)
            except StopIteration:
                slot = None
    return weights


def draw_artist(chain: Chain, random: np.random.RandomState) -> Weights:
    """theta of a new artist: independent Gamma variables, normalised in each context."""
    gammas = [random.standard_gamma(prior) for prior in chain.prior]
    return tuple(gamma / gamma.sum() for gamma in gammas)


class Singer:
    """One artist, ready to draw many songs.

    Args:
        chain: the model.
        theta: the artist's probabilities.
    """

    def __init__(self, chain: Chain, theta: Weights) -> None:
        self._chain = chain
        self._cumulative = [list(accumulate(probabilities.tolist())) for probabilities in theta]

    def draw(self, random: np.random.RandomState) -> Tokens:
        """One song, uint16 [T], EOS at the end; takes `longest` uniform numbers, whatever its length."""
        tokens: list[int] = []
        song = self._chain.song()
        slot = next(song)
        for uniform in random.random_sample(self._chain.longest).tolist():
            cumulative = self._cumulative[slot.context]
            symbol = bisect_right(cumulative, uniform * cumulative[-1], hi=len(cumulative) - 1)
            tokens.append(int(slot.tokens[symbol]))
            try:
                slot = song.send(tokens[-1])
            except StopIteration:
                return np.array(tokens, np.uint16)
        raise AssertionError(f"a song went on after {self._chain.longest} tokens")
