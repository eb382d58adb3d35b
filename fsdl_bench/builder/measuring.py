"""Read items into songs in canonical form, with song ids and shingles, one chunk at a time, in workers.

song id = BLAKE2b-128 of the content: the text as UTF-8, or the tokens of the whole song as
          little-endian uint16
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from fsdl_bench.builder.chunks import ReadSong, Rejection, write_chunk
from fsdl_bench.builder.language import language_of
from fsdl_bench.builder.shingles import Shingles, lyrics_shingles, music_shingles, outline_shingles
from fsdl_bench.codecs import load_codec
from fsdl_bench.codecs.lyrics import canonical
from fsdl_bench.codecs.midi_velocity import velocities
from fsdl_bench.errors import BadInput, Rejected
from fsdl_bench.songs import Song
from fsdl_bench.sources.common.base import Item, Source
from fsdl_bench.tracks.artists import artist_key
from fsdl_bench.tracks.definition import TrackDefinition

_MEASURED_TOGETHER = 1 << 15
"""Notes (or characters) that are processed together. More is not faster, and needs more memory."""

_NONE: Shingles = np.empty(0, np.uint64)


@dataclass(frozen=True, slots=True)
class ChunkTask:
    """Items of one source, and the file to write their songs to."""

    path: Path
    source: int
    items: tuple[Item, ...]


class Reader:
    """Reads chunks of a definition's sources. Each worker has one.

    Args:
        definition: the track's definition.
        sources: the opened sources, in the order of the definition.
    """

    def __init__(self, definition: TrackDefinition, sources: Sequence[Source]) -> None:
        self._definition = definition
        self._sources = sources
        # The codec of lyrics is trained on the texts that are read here, so lyrics are encoded later.
        self._codec: Any = load_codec(definition.codec) if definition.kind == "midi" else None

    def read(self, task: ChunkTask) -> None:
        """Read the items of a task and write its chunk."""
        kept: list[ReadSong] = []
        rejected: list[tuple[str, Rejected]] = []
        songs: list[Song] = []
        cleaned: Counter[str] = Counter()
        waiting = 0
        for item in task.items:
            try:
                songs.append(self._song(task.source, item))
            except Rejected as error:
                rejected.append((item.origin, error))
                continue
            cleaned.update(songs[-1].cleaned)
            waiting += len(songs[-1].content)
            if waiting > _MEASURED_TOGETHER:
                self._measure(songs, task.source, kept, rejected)
                waiting = 0
        self._measure(songs, task.source, kept, rejected)
        name = self._definition.sources[task.source].source
        left_out: list[Rejection] = [
            (name, _encodable(origin), why.reason, _encodable(why.detail)) for origin, why in rejected
        ]
        write_chunk(task.path, self._definition.kind, kept, left_out, cleaned)

    def _measure(
        self, songs: list[Song], source: int, kept: list[ReadSong], rejected: list[tuple[str, Rejected]]
    ) -> None:
        """Move songs to `kept` or `rejected`, with their ids, units and shingles."""
        least = self._definition.filters.min_units
        measured = self._measure_midi(songs) if self._codec else [_measure_text(song) for song in songs]
        for song, result in zip(songs, measured, strict=True):
            if isinstance(result, Rejected):
                rejected.append((song.origin, result))
            elif result["length"] < least:
                rejected.append((song.origin, Rejected("too short", f"{result['length']}, {least} needed")))
            else:
                try:
                    kept.append(self._row(song, source, result))
                except Rejected as error:
                    rejected.append((song.origin, error))
        songs.clear()

    def _song(self, source: int, item: Item) -> Song:
        try:
            song = self._sources[source].read(item)
        except (Rejected, BadInput, OSError, MemoryError, ImportError):
            raise
        except Exception as error:  # noqa: BLE001  one bad file never stops a build
            raise Rejected("reader failed", f"{type(error).__name__}: {error}") from None
        if song.kind != self._definition.kind:
            raise BadInput(
                f"track {self._definition.name} is a {self._definition.kind} track, but its source "
                f"{self._definition.sources[source].source} yields {song.kind} ({_encodable(song.origin)})"
            )
        return song

    def _measure_midi(self, songs: Sequence[Song]) -> list[dict[str, Any] | Rejected]:
        results: list[dict[str, Any] | Rejected] = []
        readable: list[Any] = []
        for song, tokens in zip(songs, self._encode([song.content for song in songs]), strict=True):
            if isinstance(tokens, Rejected):
                results.append(tokens)
                continue
            excerpt = self._codec.excerpt(tokens)
            units = self._codec.units(excerpt)
            whole = units if len(excerpt) == len(tokens) else self._codec.units(tokens)
            song_id = blake2b(tokens.astype("<u2", copy=False), digest_size=16).hexdigest()
            results.append(
                {"song_id": song_id, "tokens": excerpt, "units": units, "length": whole, "text": ""}
            )
            readable.append(song.content)
        encoded = [result for result in results if not isinstance(result, Rejected)]
        loud = velocities(readable, [result["tokens"] for result in encoded])
        parts = music_shingles(readable)
        outlines = outline_shingles(readable) if self._definition.filters.rule > 1 else [_NONE] * len(parts)
        for result, *found in zip(encoded, loud, parts, outlines, strict=True):
            result["velocity"], result["shingles"], result["outline"] = found
        return results

    def _encode(self, contents: Sequence[Any]) -> list[Any]:
        """Return the tokens of each song, or the reason why it has none."""
        try:
            return list(self._codec.encode_batch(contents))
        except Rejected as error:
            if len(contents) == 1:
                return [error]
            middle = len(contents) // 2
            return self._encode(contents[:middle]) + self._encode(contents[middle:])

    def _row(self, song: Song, source: int, result: dict[str, Any]) -> ReadSong:
        definition = self._definition.sources[source]
        artist, metadata = self._definition.artist_name(song.artist), song.metadata
        if isinstance(song.content, str) and metadata.language is None:
            metadata = replace(metadata, language=language_of(song.content, self._definition.languages))
        if (label := self._definition.label) != "artist":
            metadata = replace(metadata, artist=artist)
            artist = metadata.label(label)
            if not artist:
                raise Rejected(f"no {label}")
        return ReadSong(
            metadata=_encodable(metadata.to_json()),
            artist=_encodable(artist),
            artist_key=artist_key(artist),
            title=_encodable(song.title),
            work=_encodable(song.work),
            licence=_encodable(song.licence) or definition.licence,
            source=definition.source,
            origin=_encodable(song.origin),
            **result,
        )


def _measure_text(song: Song) -> dict[str, Any] | Rejected:
    text = canonical(str(song.content))
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        return Rejected("damaged text", f"a lone surrogate at character {error.start}")
    if not data:
        return Rejected("no text")
    return {
        "song_id": blake2b(data, digest_size=16).hexdigest(),
        "tokens": np.empty(0, np.uint16),
        "units": 0,
        "length": len(data),
        "text": text,
        "shingles": lyrics_shingles([text])[0],
        "outline": _NONE,
        "velocity": np.empty(0, np.uint8),
    }


def _encodable(text: str) -> str:
    """Return the text with lone surrogates, which UTF-8 cannot encode, written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


_reader: Reader | None = None


def start(definition: TrackDefinition, sources: Sequence[Source]) -> None:
    """Prepare this worker process."""
    global _reader
    _reader = Reader(definition, sources)


def read(task: ChunkTask) -> None:
    """Read one chunk in a prepared worker process."""
    if _reader is None:
        raise RuntimeError("call start first")
    _reader.read(task)
