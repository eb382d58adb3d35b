"""Songs as rows of token ids, and the inputs that predict them. Padding is `fsdl_bench.pad`."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from fsdl_bench import BOS, PAD, Tokens


def shift(songs: Tensor) -> Tensor:
    """Return the inputs that predict songs int64 [B, T]: BOS, then each song without its last token."""
    return torch.cat([songs.new_full((len(songs), 1), BOS), songs[:, :-1]], dim=1)


def as_row(songs: Iterable[Tokens], device: torch.device) -> Tensor:
    """Return several songs as one row int64 [1, T], with BOS before each song."""
    tokens = [token for song in songs for token in (BOS, *song.tolist())]
    return torch.tensor([tokens], dtype=torch.int64, device=device)


def token_count(songs: Tensor) -> int:
    """Return the number of tokens in a padded batch."""
    return int((songs != PAD).sum())
