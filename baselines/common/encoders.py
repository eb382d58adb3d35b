"""Encode a support into one vector: each song alone, then a mean over the set.

    c = (n_0 c_0 + sum_k e(s_k)) / (n_0 + K)      n_0 > 0 and c_0 are learned

The mean does not depend on the order of the songs, and without support c is c_0 (Zaheer et al. 2017, "Deep
Sets"; Snell, Swersky & Zemel 2017, "Prototypical Networks for Few-shot Learning").
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fsdl_bench import PAD


class SongEncoder(nn.Module):
    """A song as one vector: a bidirectional GRU over token embeddings, averaged over the tokens.

    Args:
        vocab_size: V.
        embedding: width of the token embeddings.
        width: width of the vector, even.
    """

    def __init__(self, vocab_size: int, embedding: int = 64, width: int = 128) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab_size, embedding, padding_idx=PAD)
        self.gru = nn.GRU(embedding, width // 2, batch_first=True, bidirectional=True)
        self.out = nn.Linear(width, width)

    def forward(self, songs: Tensor) -> Tensor:
        """Return [N, width] for songs int64 [N, T], padded, none of them empty."""
        lengths = (songs != PAD).sum(1)
        packed = nn.utils.rnn.pack_padded_sequence(
            self.embed(songs), lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        states, _ = nn.utils.rnn.pad_packed_sequence(self.gru(packed)[0], batch_first=True)
        return self.out(states.sum(1) / lengths[:, None])


class SetPooling(nn.Module):
    """The mean of a set of vectors with a learned prior.

    Args:
        width: of the vectors.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.prior = nn.Parameter(torch.zeros(width))
        self.log_count = nn.Parameter(torch.zeros(()))

    def forward(self, vectors: Tensor) -> Tensor:
        """Return c [B, width] for vectors [B, K, width]; K may be 0."""
        count = self.log_count.exp()
        return (count * self.prior + vectors.sum(1)) / (count + vectors.shape[1])


class SupportEncoder(nn.Module):
    """A support as one vector.

    Args:
        vocab_size: V.
        embedding: width of the token embeddings.
        width: width of the vector, even.
    """

    def __init__(self, vocab_size: int, embedding: int = 64, width: int = 128) -> None:
        super().__init__()
        self.song, self.pool, self.width = SongEncoder(vocab_size, embedding, width), SetPooling(width), width

    def forward(self, support: Tensor) -> Tensor:
        """Return c [B, width] for supports int64 [B, K, T], padded; K may be 0."""
        episodes, count, _ = support.shape
        if not count:
            return self.pool(self.pool.prior.new_zeros(episodes, 0, self.width))
        return self.pool(self.song(support.flatten(0, 1)).unflatten(0, (episodes, count)))
