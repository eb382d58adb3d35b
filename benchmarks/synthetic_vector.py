"""The most that one vector for each artist can be worth on the synthetic tracks: a bias of all next tokens.

    python benchmarks/synthetic_vector.py

A model such as `prototype.py` holds an artist in one vector, and `neural_statistician.py` and
`latent_attention.py` in one of 8 codes. On these tracks an artist is an independent distribution for each
context. So a vector can carry what the contexts have in common by chance: that the artist likes a word after
every word. Printed is the gain of the true base measures with the best such bias over those without, as a
share of what the Bayes-optimal predictive gains from the same 5 songs:

    any bias        fitted on the songs by penalised maximum likelihood
    rank 16         from the 16 principal directions of the training artists, the most for `prototype.py`
    best of 8       of 8 clusters of the training artists (k-means), the one that suits the query songs best

Needs no built track.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from scipy.cluster.vq import kmeans2
from torch import Tensor
from torch.nn.functional import cross_entropy

from fsdl_bench.codecs.base import Tokens
from fsdl_bench.synthetic import Predictive, synthetic_model
from fsdl_bench.tracks.artists import split_of

SHOTS = 5
RANK = 16
CODES = 8
PENALTY = 2.0
QUERIES = 4
FLOOR = -60.0
"""Log-probability of what cannot come next."""


def scored(predictive: Predictive, songs: Sequence[Tokens]) -> tuple[Tensor, Tensor]:
    """Return the log-probabilities float64 [T, V] and the tokens int64 [T] of all songs."""
    rows = torch.cat([torch.from_numpy(predictive.log_probs(song)) for song in songs]).clamp_min(FLOOR)
    return rows, torch.cat([torch.from_numpy(song.astype("int64")) for song in songs])


def bias_of(rows: Tensor, tokens: Tensor) -> Tensor:
    """Return the bias [V] with the least nats + PENALTY |bias|^2 on some songs."""
    bias = torch.zeros(rows.shape[1], dtype=rows.dtype, requires_grad=True)
    search = torch.optim.LBFGS([bias], max_iter=60)

    def closure() -> float:
        search.zero_grad()
        loss = cross_entropy(rows + bias, tokens, reduction="sum") + PENALTY * bias.square().sum()
        loss.backward()
        return loss.item()

    search.step(closure)
    return bias.detach()


def shares(track: str) -> list[float]:
    """Return the shares of the optimum's gain: of any bias, one in `RANK` directions, one of `CODES`."""
    model = synthetic_model(track)
    base = Predictive(model.chain, model.chain.prior, learns=False)

    def fitted(artist: str) -> Tensor:
        return bias_of(*scored(base, [model.song(artist, index) for index in range(SHOTS)]))

    of_train = torch.stack([fitted(name) for name in model.artists if split_of(name) == "train"])
    directions = torch.linalg.svd(of_train, full_matrices=False)[2][:RANK]
    codes = torch.from_numpy(kmeans2(of_train.numpy(), CODES, minit="++", seed=0)[0])
    gains, optimum = torch.zeros(3, dtype=torch.float64), 0.0
    for artist in (name for name in model.artists if split_of(name) == "test"):
        songs = [model.song(artist, index) for index in range(model.song_count(artist))]
        support, query = songs[:SHOTS], songs[-QUERIES:]
        rows, tokens = scored(base, query)
        bias = bias_of(*scored(base, support))
        best = min(codes, key=lambda code: cross_entropy(rows + code, tokens))
        without = cross_entropy(rows, tokens)
        for place, some in enumerate((bias, bias @ directions.T @ directions, best)):
            gains[place] += without - cross_entropy(rows + some, tokens)
        nothing, known = (sum(map(model.bayes_optimal(given).nll, query)) for given in ((), support))
        optimum += (nothing - known) / len(tokens)
    found: list[float] = (gains / optimum).tolist()
    return found


def main() -> None:
    torch.set_num_threads(1)
    for track in ("lyrics-synthetic", "midi-synthetic"):
        whole, narrow, few = shares(track)
        print(
            f"{track}: of the optimum's gain, any bias makes {whole:.0%}, one of rank {RANK} {narrow:.0%}, "
            f"the best of {CODES} {few:.0%}"
        )


if __name__ == "__main__":
    main()
