"""Training episodes: an endless, seeded stream of support and query songs, drawn artist by artist.

    (K, Q) ~ the sizes given      artist ~ uniform over those with K + Q works      songs ~ a random order

The first Q songs of the order are the query, and the next K of other works the support. The draws come from
the counter-based generator Philox: item i of the stream is a pure function of the seed and i, whatever was
drawn before. So a stream can start anywhere (`start`). In a `DataLoader` with n workers, worker w produces
the items w, w + n, ..., so the items and their order do not depend on n.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import IterableDataset, get_worker_info

from fsdl_bench.codecs.base import Tokens
from fsdl_bench.episodes import Episode
from fsdl_bench.errors import BadInput
from fsdl_bench.padding import pad

if TYPE_CHECKING:
    from fsdl_bench.tracks.split import Split

Size: TypeAlias = int | Sequence[int]
"""One number, or several (a range, a list) of which each item of the stream takes one at random."""

MOST_SONGS = 100
"""Random words that are drawn for an artist's songs in one go: tracks hold at most so many of an artist."""


@dataclass(frozen=True, slots=True, eq=False)
class EpisodeBatch:
    """B training episodes of one size as padded tensors.

    Attributes:
        artists: the artists' keys, [B].
        support: int64 [B, K, T]: songs, then PAD. T is the longest support song of the batch, 0 if K is 0.
        support_lengths: int64 [B, K].
        query: int64 [B, Q, T'].
        query_lengths: int64 [B, Q].
    """

    artists: tuple[str, ...]
    support: torch.Tensor
    support_lengths: torch.Tensor
    query: torch.Tensor
    query_lengths: torch.Tensor

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> EpisodeBatch:
        """The same episodes on a device."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> EpisodeBatch:
        """The same episodes in pinned memory; a `DataLoader` with `pin_memory=True` calls it."""
        return self._each(lambda tensor: tensor.pin_memory())

    def _each(self, change: Callable[[torch.Tensor], torch.Tensor]) -> EpisodeBatch:
        names = [field.name for field in fields(self)][1:]
        return EpisodeBatch(self.artists, *(change(getattr(self, name)) for name in names))


class TrainingEpisodes(IterableDataset[Episode | EpisodeBatch]):
    """An endless iterable of training episodes; give it to a `DataLoader` with `batch_size=None`.

    Without `batch_size` it yields `Episode`s, whose songs' `tokens` are views of the split. With it, it
    yields `EpisodeBatch`es; all episodes of one batch have the same K and Q.

    Args:
        split: whose songs to draw from.
        shots: K, the support songs; may include 0.
        queries: Q, the query songs.
        seed: names the stream.
        batch_size: B, or None for single episodes.
        max_length: songs of a batch are cut after so many tokens; whole without it.
        start: the item to begin with, for going on after a checkpoint.
        stop: the item to stop before; endless without it.

    Raises:
        BadInput: no artist has enough works for the largest K and Q, or a size is out of range.
    """

    def __init__(
        self,
        split: Split,
        *,
        shots: Size = 5,
        queries: Size = 4,
        seed: int = 0,
        batch_size: int | None = None,
        max_length: int | None = None,
        start: int = 0,
        stop: int | None = None,
    ) -> None:
        self.split = split
        self.shots, self.queries = _sizes("shots", shots, 0), _sizes("queries", queries, 1)
        self.seed, self.batch_size, self.start, self.stop = seed, batch_size, start, stop
        self.max_length = max_length
        for name, size in (("batch_size", batch_size), ("max_length", max_length)):
            if size is not None:
                _sizes(name, size, 1)
        self._generator = np.random.Philox(key=seed)
        self._state: Any = self._generator.state
        self._artists, self._songs = split.artists, split.songs
        self._first = np.cumsum([0, *(len(artist.songs) for artist in self._artists)])
        self._works, distinct = _work_codes(split)
        self._by_works = np.argsort(-distinct, kind="stable")
        self._distinct = distinct[self._by_works]
        needed = max(self.shots) + max(self.queries)
        if not len(distinct) or self._distinct[0] < needed:
            raise BadInput(
                f"an episode of {max(self.shots)} support and {max(self.queries)} query songs needs an "
                f"artist with {needed} works; the {split.name} split has none"
            )

    def __iter__(self) -> Iterator[Episode | EpisodeBatch]:
        worker = get_worker_info()
        first, step = (self.start + worker.id, worker.num_workers) if worker else (self.start, 1)
        for index in itertools.count(first, step):
            if self.stop is not None and index >= self.stop:
                return
            yield self.episode(index) if self.batch_size is None else self.batch(index)

    def episode(self, index: int) -> Episode:
        """Item `index` of the stream of single episodes."""
        artist, support, query = self._draw(index, *self._size(index))
        songs = self._songs
        key = self._artists[artist].key
        return Episode(key, index, tuple(songs[row] for row in support), tuple(songs[row] for row in query))

    def batch(self, index: int) -> EpisodeBatch:
        """Item `index` of the stream of batches.

        Raises:
            ValueError: the stream is of single episodes.
        """
        if self.batch_size is None:
            raise ValueError("a stream without batch_size has no batches")
        sizes = self._size(index)
        first = index * self.batch_size
        draws = [self._draw(number, *sizes) for number in range(first, first + self.batch_size)]
        artists = tuple(self._artists[artist].key for artist, _, _ in draws)
        return EpisodeBatch(
            artists,
            *self._padded([rows for _, rows, _ in draws]),
            *self._padded([rows for *_, rows in draws]),
        )

    def _size(self, index: int) -> tuple[int, int]:
        """(K, Q) of item `index`."""
        if len(self.shots) == len(self.queries) == 1:
            return self.shots[0], self.queries[0]
        words = self._words(index, 2, stream=1)
        return self.shots[_below(words[0], len(self.shots))], self.queries[
            _below(words[1], len(self.queries))
        ]

    def _draw(self, number: int, shots: int, queries: int) -> tuple[int, list[int], list[int]]:
        """Episode `number` of the given size: (artist's position, support rows, query rows)."""
        eligible = int(np.searchsorted(-self._distinct, -(shots + queries), side="right"))
        words = self._words(number, 1 + MOST_SONGS)
        place = _below(words[0], eligible)
        artist = int(self._by_works[place])
        first, last = int(self._first[artist]), int(self._first[artist + 1])
        if last - first > MOST_SONGS:
            words = self._words(number, 1 + last - first)
        order = (first + words[1 : 1 + last - first].argsort()).tolist()
        query, rest = order[:queries], order[queries:]
        if self._distinct[place] < last - first:
            taken = set(self._works[query].tolist())
            rest = [row for row in rest if self._works[row] not in taken]
        return artist, rest[:shots], query

    def _words(self, index: int, count: int, stream: int = 0) -> npt.NDArray[np.uint64]:
        """uint64 [count]: the raw words of the generator, which numpy keeps the same in every version."""
        self._state["state"]["counter"][:] = 0, index, stream, 0
        self._generator.state = self._state
        return self._generator.random_raw(count)

    def _padded(self, rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens int64 [B, n, T] and lengths int64 [B, n] of B lists of n rows."""
        songs: list[Tokens] = [self._songs[row].tokens[: self.max_length] for part in rows for row in part]
        padded = pad(songs)
        lengths = torch.tensor([len(song) for song in songs], dtype=torch.int64)
        shape = (len(rows), len(rows[0]))
        return padded.view(*shape, padded.shape[1]), lengths.view(shape)


def _below(word: np.uint64, bound: int) -> int:
    """An integer in [0, bound) from a uniform 64-bit word."""
    return (int(word) * bound) >> 64


def _sizes(name: str, size: Size, least: int) -> tuple[int, ...]:
    sizes = (size,) if isinstance(size, int) else tuple(size)
    if not sizes or min(sizes) < least:
        raise BadInput(f"{name} should be a number of at least {least}, or several, found {size!r}")
    return sizes


def _work_codes(split: Split) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """For each song a number for its work, unique within the artist [N]; each artist's distinct works [A]."""
    codes: list[int] = []
    distinct: list[int] = []
    for artist in split.artists:
        numbers: dict[str, int] = {}
        codes += [numbers.setdefault(song.work, len(numbers)) for song in artist.songs]
        distinct.append(len(numbers))
    return np.array(codes, np.int64), np.array(distinct, np.int64)
