"""From scores to nats: the harness normalises, picks the target and sums.

    nats(song) = sum_t [ log sum_v exp(s_t(v)) - s_t(x_t) ]

s_t(v) are a predictor's unnormalised log-probabilities. The arithmetic is in float64 whatever their type, and
a few rows at a time, so it adds no error that matters and needs little memory. EOS is scored where the codec
put it, like any other token. Padding is never scored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from fsdl_bench.codecs.base import Codec, Tokens
from fsdl_bench.errors import RuleBreach

Nats = npt.NDArray[np.float64]
"""-log p of each token of one song: float64 [T]."""

BATCH_SCORES = 2**26
"""One call asks for at most this many scores, unless a single song has more: 256 MiB in float32."""

_CPU_CHUNK, _GPU_CHUNK = 2**16, 2**24
"""The number of scores that are normalised at a time; on the CPU a chunk fits into the cache."""


@dataclass(frozen=True)
class Scored:
    """Songs that were scored together.

    Attributes:
        names: how messages call them.
        songs: their tokens, uint16 [T] each.
        nats: of their tokens, float64 [T] each; a bound is spread evenly over the tokens.
        dtype: the type of the scores or bounds.
        bounds: whether the nats are bounds of whole songs.
    """

    names: tuple[str, ...]
    songs: tuple[Tokens, ...]
    nats: tuple[Nats, ...]
    dtype: torch.dtype
    bounds: bool = False

    def only(self, index: int) -> Scored:
        """Return one of the songs."""
        return self.part(range(index, index + 1))

    def part(self, which: range) -> Scored:
        """Return some consecutive songs."""
        cut = slice(which.start, which.stop)
        return replace(self, names=self.names[cut], songs=self.songs[cut], nats=self.nats[cut])

    def until(self, cuts: Sequence[int]) -> Scored:
        """Return each song up to and including the token at its cut."""
        names = tuple(f"{name}, redrawn from token {cut}" for name, cut in zip(self.names, cuts, strict=True))
        songs = tuple(song[: cut + 1] for song, cut in zip(self.songs, cuts, strict=True))
        nats = tuple(nats[: cut + 1] for nats, cut in zip(self.nats, cuts, strict=True))
        return replace(self, names=names, songs=songs, nats=nats)


def token_nats(scores: torch.Tensor, targets: Tokens) -> Nats:
    """Return -log softmax(scores)[t, targets[t]] for one song; not finite where `check_finite` raises.

    Args:
        scores: float [T', V] with T' >= T, on any device; rows after the last target are ignored.
        targets: uint16 [T].
    """
    ids = torch.from_numpy(targets.astype(np.int64))
    device = scores.device if scores.device.type != "mps" else torch.device("cpu")  # mps has no float64
    chunk = max(1, (_CPU_CHUNK if device.type == "cpu" else _GPU_CHUNK) // scores.shape[-1])
    rows = torch.empty(min(chunk, len(ids)), scores.shape[-1], dtype=torch.float64, device=device)
    parts = [np.zeros(0)]
    for start in range(0, len(ids), chunk):
        wanted = ids[start : start + chunk].to(device)
        part = rows[: len(wanted)].copy_(scores[start : start + len(wanted)])
        part.sub_(part.amax(-1, keepdim=True))
        target = part.gather(1, wanted[:, None])[:, 0]
        parts.append((part.exp_().sum(-1).log_() - target).cpu().numpy())
    return np.concatenate(parts)


def spread(bounds: torch.Tensor, songs: Sequence[Tokens]) -> tuple[Nats, ...]:
    """Return the bounds of songs, float [B], each spread evenly over the tokens of its song."""
    totals = bounds.detach().to("cpu", torch.float64).tolist()
    return tuple(np.full(len(song), total / len(song)) for total, song in zip(totals, songs, strict=True))


def check_bound(nats: Nats, name: str) -> None:
    """Raise `RuleBreach` unless a song's bound is finite and not negative."""
    if not (np.isfinite(nats).all() and nats.min() >= 0):
        raise RuleBreach(
            "a finite bound",
            f"In {name}: expected nats that are finite and not negative, found {nats.sum()}.",
        )


def check_finite(nats: Nats, scores: torch.Tensor, targets: Tokens, name: str) -> None:
    """Check that every token of a song has a finite score.

    Args:
        nats: of the song, from `token_nats`.
        scores: float [T', V] that the nats come from.
        targets: uint16 [T].
        name: how the message calls the song.

    Raises:
        RuleBreach: a score is NaN or +inf, every score of a row is -inf, or a target has probability zero.
    """
    if np.isfinite(nats).all():
        return
    position = int(np.flatnonzero(~np.isfinite(nats))[0])
    row = scores[position].detach().to("cpu", torch.float64)
    if row.isnan().any():
        found = f"{int(row.isnan().sum())} of {len(row)} scores are NaN"
    elif row.isposinf().any():
        found = f"the score of id {int(row.isposinf().nonzero()[0])} is +inf"
    elif row.isneginf().all():
        found = "every score is -inf"
    else:
        found = f"id {int(targets[position])} came, and its score is -inf: probability zero, infinite nats"
    raise RuleBreach(
        "a full distribution",
        f"In {name}, position {position}: {found}. Every id that can come needs a finite score.",
    )


def kind_sums(nats: Nats, tokens: Tokens, codec: Codec) -> dict[str, float]:
    """Return the part of a song's nats for each kind of token that the codec names."""
    kinds: Mapping[str, slice] = codec.token_kinds()
    return {
        kind: float(nats[(tokens >= ids.start) & (tokens < ids.stop)].sum()) for kind, ids in kinds.items()
    }


def batches(lengths: Sequence[int], vocab_size: int, limit: int = BATCH_SCORES) -> Iterator[range]:
    """Yield runs of consecutive songs whose padded scores stay within the limit; at least one song each."""
    start, longest = 0, 0
    for end, length in enumerate(lengths):
        longest = max(longest, length)
        if end > start and (end - start + 1) * longest * vocab_size > limit:
            yield range(start, end)
            start, longest = end, length
    if start < len(lengths):
        yield range(start, len(lengths))
