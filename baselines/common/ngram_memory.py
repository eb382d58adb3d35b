"""What followed each context of m - 1 tokens: in the support, and in a song so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from common.kneser_ney import Floats, Ints, ranges
from fsdl_bench import BOS, BadInput, FitContext, Split, Tokens

HASH = -0x61C8864680B583EB
"""2^64 / golden ratio, odd: multiplies the hash of a context before the next token is added."""


@dataclass(frozen=True)
class Seen:
    """What a cache saw after N contexts.

    Attributes:
        totals: n(h) of each context [N].
        rows, words, counts: index of the context, a word that followed it, and how often [E].
    """

    totals: Ints
    rows: Ints
    words: Ints
    counts: Ints


class Memory:
    """What followed each context of m - 1 tokens in some songs, for m from 1 to `reach`."""

    def __init__(self, songs: Sequence[Tokens], reach: int) -> None:
        self._entries = []
        words = np.concatenate([np.zeros(0, np.int64), *songs]).astype(np.int64)
        for m in range(1, reach + 1):
            keys = np.concatenate([np.zeros(0, np.int64), *(context_keys(song, m) for song in songs)])
            _, first, counts = np.unique(keys * HASH + words, return_index=True, return_counts=True)
            order = np.argsort(keys[first])
            first = first[order]
            self._entries.append((keys[first], words[first], counts[order]))

    def seen(self, wanted: Ints, m: int) -> Seen:
        """Return what followed the contexts with these keys [N], from `context_keys`."""
        keys, words, counts = self._entries[m - 1]
        starts, ends = (np.searchsorted(keys, wanted, side) for side in ("left", "right"))
        rows, entries = ranges(starts, ends)
        totals = np.bincount(rows, counts[entries], len(wanted)).astype(np.int64)
        return Seen(totals, rows, words[entries], counts[entries])


def songs_with_memories(
    validation: Split, context: FitContext, episodes: int, reach: int
) -> list[tuple[Tokens, Memory]]:
    """Return query songs of validation episodes, each with the memory of its support; none if there are none.

    Args:
        validation: the validation songs.
        context: of the fit; its numbers of shots are drawn.
        episodes: how many for each number of shots.
        reach: of the memories.
    """
    most = max(context.shots)
    try:
        return [
            (song.tokens, memory)
            for k in sorted({0, min(5, most), most})
            for episode in context.episodes(validation, shots=k, queries=2, stop=episodes)
            for memory in [Memory([s.tokens for s in episode.support], reach)]
            for song in episode.query
        ]
    except BadInput as error:
        context.log(f"the weights are not fitted: {error}")
        return []


def seen_so_far(tokens: Ints, m: int) -> Seen:
    """Return, for each token of a song, what followed its context earlier in the song."""
    keys = context_keys(tokens, m)
    same = np.tril(keys[:, None] == keys[None, :], -1)
    rows, earlier = np.nonzero(same)
    return Seen(same.sum(axis=1), rows, tokens[earlier], np.ones_like(rows))


def context_keys(tokens: npt.ArrayLike, m: int) -> Ints:
    """Return a 64-bit hash of the m - 1 tokens before each token [T], with BOS before the song."""
    text = np.concatenate([np.full(max(m - 1, 1), BOS), np.asarray(tokens, np.int64)])
    keys = np.zeros(np.shape(tokens), np.int64)
    for start in range(m - 1):
        keys = keys * HASH + text[start : start + len(keys)]  # wraps around
    return keys


def hits(tokens: Ints, seen: Seen) -> tuple[Floats, Floats]:
    """Return n(h), and n(h w) / n(h) of every token w of a song, [T] each."""
    right = seen.counts * (seen.words == tokens[seen.rows])
    return seen.totals.astype(float), np.bincount(seen.rows, right, len(tokens)) / np.maximum(seen.totals, 1)


def hits_so_far(tokens: Ints, m: int) -> tuple[Floats, Floats]:
    """Return `hits` of a song in its own past, without listing every pair of tokens."""
    keys = context_keys(tokens, m)
    totals, found = _earlier(keys), _earlier(keys * HASH + tokens)
    return totals.astype(float), found / np.maximum(totals, 1)


def _earlier(keys: Ints) -> Ints:
    """Return how often each key occurs earlier in the array [T]."""
    order = np.argsort(keys, kind="stable")
    begins = np.flatnonzero(np.diff(keys[order], prepend=keys[order[0]] - 1))
    rank = np.arange(len(keys)) - np.repeat(begins, np.diff(begins, append=len(keys)))
    counts = np.empty_like(rank)
    counts[order] = rank
    return counts
