"""Written songs as files: `.mid`, `.txt`, a zip of everything, with the settings that make them again."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from fsdl_bench.codecs.base import Codec, Tokens
from fsdl_bench.music.writing import write_midi


@dataclass(eq=False)
class Sample:
    """A song that was written.

    Attributes:
        id: its name in requests.
        settings: what made it: model, track, seed, support and so on.
        programs: family -> General MIDI program.
        codec: of its tokens.
        tokens: uint16 [T]; None until it is finished.
        wav: the sound that the browser rendered; None until it has sent it.
    """

    id: str
    settings: dict[str, Any]
    programs: Mapping[int, int]
    codec: Codec
    tokens: Tokens | None = None
    wav: bytes | None = None
    result: dict[str, Any] = field(default_factory=dict)

    @property
    def stem(self) -> str:
        """The name of its files without the ending."""
        return _plain(f"{self.settings['model']}-seed{self.settings['seed']}")


def song_file(
    codec: Codec, tokens: Tokens, programs: Mapping[int, int], tempo: float = 1.0
) -> tuple[str, bytes]:
    """Return the ending and the content of a song's file.

    Args:
        codec: of the tokens.
        tokens: uint16 [T].
        programs: family -> General MIDI program.
        tempo: 2 is twice as fast; for MIDI only.
    """
    content = codec.decode(tokens)
    if isinstance(content, str):
        return ".txt", (content.rstrip() + "\n").encode()
    faster = replace(content, start=content.start / tempo, end=content.end / tempo)
    return ".mid", write_midi(faster, programs)


def archive(
    samples: Iterable[Sample], support: Iterable[tuple[str, str, bytes]], tempo: float = 1.0
) -> bytes:
    """Return a zip with the files of all samples and support songs, and `settings.json`.

    Args:
        samples: finished ones.
        support: title, ending and content of each support song.
        tempo: see `song_file`.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as zipped:
        records = []
        for number, sample in enumerate(samples, 1):
            stem = f"{number:02d}-{sample.stem}"
            tokens = sample.tokens if sample.tokens is not None else np.zeros(0, np.uint16)
            ending, data = song_file(sample.codec, tokens, sample.programs, tempo)
            zipped.writestr(f"{stem}{ending}", data)
            if sample.wav:
                zipped.writestr(f"{stem}.wav", sample.wav)
            records.append({"file": f"{stem}{ending}"} | sample.settings | sample.result)
        for number, (title, ending, data) in enumerate(support, 1):
            zipped.writestr(f"support/{number:02d}-{_plain(title)[:60]}{ending}", data)
        text = json.dumps({"tempo": tempo, "samples": records}, ensure_ascii=False, indent=1)
        zipped.writestr("settings.json", text + "\n")
    return out.getvalue()


def _plain(name: str) -> str:
    """Return a name that every file system and every header takes."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name)
