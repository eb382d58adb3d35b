"""The synthetic source: songs are drawn, not read; there is no archive and no folder.

A song of `midi` is written as a `.mid` file and read back, so it comes through the same door as a real one.
"""

from __future__ import annotations

from collections.abc import Iterator

from fsdl_bench.music.notes import Notes
from fsdl_bench.songs import Kind, Song
from fsdl_bench.sources.common.base import Item, Rejection
from fsdl_bench.sources.common.tree import Tree
from fsdl_bench.synthetic.model import SyntheticModel, synthetic_model

LICENCE = "CC0-1.0"


class SyntheticSource:
    """The songs behind `lyrics-synthetic` or `midi-synthetic`.

    Args:
        kind: `lyrics` or `midi`.
        secret: for a fresh track; "" for the published one.
    """

    def __init__(self, kind: Kind, secret: str = "") -> None:
        self.kind: Kind = kind
        self.secret = secret
        self.rejected: list[Rejection] = []

    def items(self) -> Iterator[Item]:
        """Every song of every artist; nothing is drawn yet."""
        for key, name in self._model.artists.items():
            for index in range(self._model.song_count(key)):
                yield Item(f"{key}/{index}", artist=name, title=f"Song {index + 1}", licence=LICENCE)

    def read(self, item: Item) -> Song:
        """Draw the song, as text or as notes."""
        key, _, index = item.origin.rpartition("/")
        tokens = self._model.song(key, int(index))
        content: str | Notes
        if self.kind == "lyrics":
            from fsdl_bench.codecs.words import WordsCodec

            content = WordsCodec().decode(tokens)
        else:
            from fsdl_bench.codecs.midi import MidiCodec
            from fsdl_bench.music.reading import read_midi
            from fsdl_bench.music.writing import write_midi

            content = read_midi(write_midi(MidiCodec().decode(tokens)))
        return Song(item.artist, item.title, item.origin, item.licence, item.origin, content)

    @property
    def _model(self) -> SyntheticModel:
        # Cached, because a source must be cheap to send to workers.
        return synthetic_model(f"{self.kind}-synthetic", self.secret)


def open(tree: Tree | None = None, kind: Kind = "lyrics", secret: str = "") -> SyntheticSource:  # noqa: A001, ARG001
    """The generator of one kind of song.

    Args:
        tree: not used; every source takes one.
        kind: `lyrics` or `midi`.
        secret: for a fresh track.
    """
    return SyntheticSource(kind, secret)
