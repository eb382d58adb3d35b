"""Songs on the page: what was read from a file or a track, as tokens and as JSON for the browser."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fsdl_bench.codecs.base import EOS, Codec, Tokens
from fsdl_bench.codecs.lyrics import canonical
from fsdl_bench.errors import BadInput, Rejected
from fsdl_bench.generation.by_note import by_note
from fsdl_bench.generation.by_word import by_word
from fsdl_bench.generation.nucleus import Floats
from fsdl_bench.music.notes import DRUMS, Notes
from fsdl_bench.songs import Kind

BAR = 2.0
"""Seconds of a bar where a song does not tell: 4/4 at 120 quarter notes a minute, as `write_midi` writes."""


@dataclass(frozen=True, eq=False)
class Content:
    """The content of a file.

    Attributes:
        title: the file's name, readable.
        content: the text or the notes.
        bars: the onset of each bar in seconds, counted from the first note; () for text, or if not known.
        programs: family -> the General MIDI program that most of its notes have.
    """

    title: str
    content: str | Notes
    bars: tuple[float, ...] = ()
    programs: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class PageSong:
    """A song as the model is given it.

    Attributes:
        id: names the song; the same tokens and title have the same id.
        title: the title in the track, or the file's name.
        tokens: the excerpt, uint16 [T].
        codec: of the tokens.
        bars: the onset of each bar in seconds; () for text.
        programs: family -> General MIDI program; families that are not named have their first program.
    """

    id: str
    title: str
    tokens: Tokens
    codec: Codec
    bars: tuple[float, ...]
    programs: Mapping[int, int]

    @property
    def families(self) -> frozenset[int]:
        """The instrument families of the song; empty for text."""
        content = self.codec.decode(self.tokens)
        return frozenset() if isinstance(content, str) else frozenset(np.unique(content.family).tolist())

    def beginning(self, part: int) -> Tokens:
        """Return the tokens before bar `part` of a MIDI song, or before line `part` of a text, without EOS.

        Raises:
            BadInput: the song has no such bar or line, or nothing is before it.
        """
        content = self.codec.decode(self.tokens)
        if isinstance(content, str):
            lines = content.splitlines(keepends=True)
            known, what, before = len(lines), "line", "".join(lines[: part - 1])
            kept: Any = before
        else:
            known, what = len(self.bars), "bar"
            chosen = content.start < self.bars[min(part, known) - 1] - 1e-6
            columns = (getattr(content, name) for name in Notes.__dataclass_fields__)
            kept = Notes(*(column[chosen] for column in columns))
        if not 2 <= part <= known or not len(kept):
            raise BadInput(
                f"{self.title}: expected a {what} from 2 to {known} to continue from, found {part}"
            )
        tokens: Tokens = self.codec.encode(kept)
        return tokens[: len(tokens) - (tokens[-1] == EOS)]

    def as_json(self) -> dict[str, Any]:
        """Return the song for the browser."""
        return {
            "id": self.id,
            "title": self.title,
            "units": self.codec.units(self.tokens),
            "programs": {str(family): program for family, program in self.programs.items()},
            "bars": [round(bar, 3) for bar in self.bars],
        } | shown(self.codec, self.tokens)


def page_song(content: Content, codec: Codec) -> PageSong:
    """Return a song that was read, cut to the excerpt that models are given.

    Raises:
        Rejected: the codec cannot encode it.
    """
    try:
        whole = content.content
        tokens = codec.excerpt(codec.encode(canonical(whole) if isinstance(whole, str) else whole))
    except ValueError as error:
        raise Rejected("not a song of this track's codec", str(error)) from None
    return song_of(content.title, tokens, codec, content.bars, content.programs)


def song_of(
    title: str,
    tokens: Tokens,
    codec: Codec,
    bars: Sequence[float] = (),
    programs: Mapping[int, int] | None = None,
) -> PageSong:
    """Return a song from its tokens. Bars that are not known have 2 seconds each."""
    content = codec.decode(tokens)
    if not isinstance(content, str):
        end = float(content.end.max())
        bars = [bar for bar in bars if bar < end] or np.arange(0, end, BAR).tolist()
    name = hashlib.blake2b(
        tokens.tobytes() + title.encode() + codec.name.encode(), digest_size=12
    ).hexdigest()
    return PageSong(name, title, tokens, codec, tuple(bars), dict(programs or {}))


def shown(codec: Codec, tokens: Tokens) -> dict[str, Any]:
    """Return `{"text": ...}`, or `{"notes": [[start, end, family, pitch], ...]}` with seconds."""
    content = codec.decode(tokens)
    return {"text": content} if isinstance(content, str) else {"notes": note_rows(content)}


def note_rows(notes: Notes) -> list[list[float]]:
    """Return [start, end, family, pitch] of each note."""
    columns = (notes.start.round(2), notes.end.round(2), notes.family, notes.pitch)
    return [list(row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def surprise(codec: Codec, tokens: Tokens, nats: Sequence[Floats]) -> list[list[Any]]:
    """Return -log p of each note or word.

    Notes are as in `by_note`, words as in `by_word`.

    Args:
        codec: of the song.
        tokens: uint16 [T].
        nats: -log p of each token, [T], under one or more models.

    Returns:
        For each note its nats under each model; for each word its text, then its nats.
    """
    content = codec.decode(tokens)
    if not isinstance(content, str):
        rows = [by_note(codec, tokens, each).round(3).tolist() for each in nats]
        return [list(row) for row in zip(*rows, strict=True)]
    words = by_word(codec, tokens, nats)
    return [[word, *sums.round(3).tolist()] for word, sums in words]


def read_upload(data: bytes, name: str, kind: Kind) -> list[Content]:
    """Return the songs of a file: one, or each tune of an ABC file.

    Args:
        data: its bytes; of a score, the MIDI file that it was converted to.
        name: its name, which tells the format.
        kind: `lyrics` or `midi`.

    Raises:
        Rejected: it is not a song of this kind, with the reason.
    """
    from fsdl_bench.music import formats
    from fsdl_bench.sources.common.files import SUFFIXES
    from fsdl_bench.sources.common.text import decode_text, readable

    ending = next((suffix for suffix in SUFFIXES[kind] if name.lower().endswith(suffix)), "")
    title = readable(name[: len(name) - len(ending)]) or name
    if not ending and not (kind == "midi" and formats.is_midi(data[:12])):
        raise Rejected(f"expected {', '.join(SUFFIXES[kind])}")
    if not data:
        raise Rejected("empty file")
    if kind == "lyrics":
        text = decode_text(data)
        if not text.strip():
            raise Rejected("no text")
        return [Content(title, text)]
    if name.lower().endswith(formats.ABC):
        tunes = formats.tunes(decode_text(data))
        if not tunes:
            raise Rejected("damaged file", "an ABC file without a tune: no line begins with X:")
        return [Content(own or title, formats.read_music(tune.encode(), name).notes) for own, tune in tunes]
    bars, programs = _bars_and_programs(data)
    return [Content(title, formats.from_midi(data).notes, bars, programs)]


def _bars_and_programs(data: bytes) -> tuple[tuple[float, ...], dict[int, int]]:
    """Return what pretty_midi finds in a MIDI file; nothing if it cannot read the file."""
    from pretty_midi import PrettyMIDI

    from fsdl_bench.music.reading import checked

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            song = PrettyMIDI(io.BytesIO(checked(data)))
            played = [part for part in song.instruments if part.notes]
            first = min(note.start for part in played for note in part.notes)
            bars = tuple(float(bar - first) for bar in song.get_downbeats() if bar >= first - 1e-6)
    except Exception:  # noqa: BLE001 (it raises many types on files that symusic reads; then bars are not known)
        return (), {}
    counts: Counter[tuple[int, int]] = Counter()
    for part in played:
        counts[DRUMS if part.is_drum else part.program // 8, part.program] += len(part.notes)
    programs: dict[int, int] = {}
    for (family, program), _ in counts.most_common():
        programs.setdefault(int(family), int(program))
    return bars, programs
