"""Write the files of a song: `.mid`, a piano roll and a `.wav` preview for music, `.txt` for lyrics."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fsdl_bench.codecs.base import Codec, Tokens
from fsdl_bench.errors import BadInput
from fsdl_bench.generation.record import NAME, FileKind, read_samples
from fsdl_bench.generation.sound import RATE, render, wav
from fsdl_bench.music.notes import Notes
from fsdl_bench.placing import refuse_other_files

PAGE = "index.html"

_SCALE, _DPI = 0.7, 130  # the figure is scaled so that its letters are legible at half the page's width
_COLOURS = 96  # the palette: a quarter of the size of full colour, without a visible difference


@dataclass(frozen=True)
class Preview:
    """The settings of previews.

    Attributes:
        seconds: the length of each preview in seconds; 0 for no preview.
        rate: the sample rate in Hz.
    """

    seconds: float = 30.0
    rate: int = RATE

    def __post_init__(self) -> None:
        if not 0 <= self.seconds < float("inf"):
            raise BadInput(f"--preview-seconds: expected 0 (none) or a positive number, found {self.seconds}")
        if not 4000 <= self.rate <= 96_000:
            raise BadInput(f"--preview-rate: expected 4000 to 96000 Hz, found {self.rate}")


def write_song(
    tokens: Tokens,
    codec: Codec,
    folder: Path,
    stem: str,
    preview: Preview,
    programs: Mapping[int, int] | None = None,
) -> dict[FileKind, str]:
    """Write the files of one song and return their names by kind.

    Args:
        tokens: the song, uint16 [T]; the codec must be able to decode it.
        codec: the codec of the tokens.
        folder: the folder of the files.
        stem: the file names without their extension.
        preview: the settings of the preview.
        programs: family -> General MIDI program; other families have their first program.
    """
    content = codec.decode(tokens)
    files: dict[FileKind, bytes] = {}
    if isinstance(content, str):
        files["txt"] = (content.rstrip() + "\n").encode("utf-8")
    else:
        from fsdl_bench.music.writing import write_midi

        files |= {"mid": write_midi(content, programs), "png": picture(content)}
        if preview.seconds:
            files["wav"] = wav(render(content, preview.rate, preview.seconds, programs), preview.rate)
    names: dict[FileKind, str] = {kind: f"{stem}.{kind}" for kind in files}
    for kind, data in files.items():
        (folder / names[kind]).write_bytes(data)
    return names


def picture(notes: Notes) -> bytes:
    """Return the piano roll as a small PNG, without a title."""
    from PIL import Image

    from fsdl_bench.music.plotting import piano_roll

    drawn, small = io.BytesIO(), io.BytesIO()
    figure = piano_roll(notes)
    width, height = figure.get_size_inches()
    figure.set_size_inches(_SCALE * width, _SCALE * height)
    figure.savefig(drawn, format="png", dpi=_DPI)
    image = Image.open(drawn).convert("RGB")
    image.quantize(_COLOURS, dither=Image.Dither.NONE).save(small, format="png", optimize=True)
    return small.getvalue()


def check_out(folder: Path) -> None:
    """Raise `BadInput` if the folder contains anything that an earlier call did not write."""
    earlier = read_samples(folder)
    own = earlier.files() | {NAME, PAGE} if earlier else set()
    refuse_other_files(folder, "a new folder, or one of an earlier call", own.__contains__)
