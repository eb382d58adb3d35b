"""The truth behind a synthetic track: its artists, their songs, the oracle and the Bayes-optimal predictive.

Everything is a function of a constant and of (artist, song): each draw has a stream of its own, seeded by
BLAKE2b. The streams are those of numpy's `RandomState`, which numpy has promised never to change.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from fsdl_bench.codecs.base import Tokens
from fsdl_bench.errors import BadInput
from fsdl_bench.songs import Kind
from fsdl_bench.synthetic.chain import Chain, Predictive, Singer, Weights, add_counts, draw_artist
from fsdl_bench.synthetic.names import NAMES

MIN_SONGS, MAX_SONGS = 24, 30
"""Songs of an artist: 20 shots and 4 queries, or some more."""

_SEED = "fsdl-bench/synthetic/v1"
_KINDS: dict[str, Kind] = {"lyrics-synthetic": "lyrics", "midi-synthetic": "midi"}


@lru_cache(maxsize=4)
def synthetic_model(track: str, secret: str = "") -> SyntheticModel:
    """The truth behind the track called `track`; with a secret, behind a fresh track of its kind.

    >>> model = synthetic_model("lyrics-synthetic")
    >>> support = [model.song("mira corvane", 0), model.song("mira corvane", 1)]
    >>> query = model.song("mira corvane", 2)
    >>> model.bayes_optimal().nll(query) > model.bayes_optimal(support).nll(query)
    True

    Raises:
        BadInput: the track is not synthetic.
    """
    if track not in _KINDS:
        raise BadInput(f"the truth is known for {' and '.join(_KINDS)} only, not for {track!r}")
    return SyntheticModel(_KINDS[track], secret=secret)


class SyntheticModel:
    """The artists of one synthetic track and what is known of them.

    Args:
        kind: `lyrics` or `midi`.
        chain: another chain than the track's, for tests.
        secret: everything is drawn again for each secret; "" for the published track.

    Attributes:
        kind: as given.
        chain: base measures, and which token can follow which.
        artists: artist key to the name as people write it.
    """

    def __init__(self, kind: Kind, chain: Chain | None = None, secret: str = "") -> None:
        self.kind = kind
        self._secret = (f"secret {secret}",) if secret else ()
        self.chain = chain or _chain(kind, self._random("base"))
        self.artists: dict[str, str] = {name.casefold(): name for name in NAMES}
        self._singer = lru_cache(maxsize=4)(lambda key: Singer(self.chain, self.theta(key)))

    def song_count(self, artist: str) -> int:
        """Return the number of songs of the artist with this key; raises as `theta` does."""
        uniform = self._random("songs of", self._known(artist)).random_sample()
        return MIN_SONGS + int(uniform * (MAX_SONGS + 1 - MIN_SONGS))

    def song(self, artist: str, index: int) -> Tokens:
        """The artist's song of this index, uint16 [T], EOS at the end; raises as `theta` does."""
        singer = self._singer(self._known(artist))
        return singer.draw(self._random("song", artist, str(index)))

    def theta(self, artist: str) -> Weights:
        """The artist's probabilities, by context.

        Raises:
            BadInput: no artist has this key.
        """
        return draw_artist(self.chain, self._random("artist", self._known(artist)))

    def oracle(self, artist: str) -> Predictive:
        """The artist's own distribution: what no model can beat on average; raises as `theta` does."""
        return Predictive(self.chain, self.theta(artist), learns=False)

    def bayes_optimal(self, support: Sequence[npt.ArrayLike] = ()) -> Predictive:
        """The best prediction from whole songs of an artist, and from the query song's own past.

        Raises:
            ValueError: a song is not one of this model.
        """
        return Predictive(self.chain, add_counts(self.chain, self.chain.prior, support), learns=True)

    def artist_of(self, songs: Sequence[npt.ArrayLike]) -> str:
        """The key of the artist under whom `songs` are likeliest, which with real songs is theirs.

        Raises:
            ValueError: there are no songs, or one is not of this model.
        """
        if not songs:
            raise ValueError("expected at least one song to tell the artist by, found none")
        nothing = tuple(np.zeros_like(prior) for prior in self.chain.prior)
        counts = np.concatenate(add_counts(self.chain, nothing, songs))
        (drawn,) = counts.nonzero()
        return list(self.artists)[int(np.argmax(self._log_theta[:, drawn] @ counts[drawn]))]

    @cached_property
    def _log_theta(self) -> npt.NDArray[np.float64]:
        with np.errstate(divide="ignore"):
            return np.log([np.concatenate(self.theta(artist)) for artist in self.artists])

    def _known(self, artist: str) -> str:
        if artist not in self.artists:
            raise BadInput(
                f"no artist of the synthetic tracks has the key {artist!r}; "
                f"a key is a name in small letters, such as {next(iter(self.artists))!r}"
            )
        return artist

    def _random(self, *what: str) -> np.random.RandomState:
        return seeded(*self._secret, self.kind, *what)


def seeded(*what: str) -> np.random.RandomState:
    """The random stream of the thing that `what` names."""
    digest = blake2b("/".join((_SEED, *what)).encode(), digest_size=32).digest()
    return np.random.RandomState(np.frombuffer(digest, "<u4"))


def _chain(kind: Kind, random: np.random.RandomState) -> Chain:
    if kind == "lyrics":
        from fsdl_bench.synthetic.lyrics import LyricsChain

        return LyricsChain(random)
    from fsdl_bench.synthetic.midi import MidiChain

    return MidiChain(random)
