"""Notes as a picture: a piano roll, one colour a family, the drums in a strip of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fsdl_bench.music.notes import DRUMS, FAMILIES, Notes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# fmt: off
_COLOURS = (
    "#2f6fb5", "#d8a31a", "#7c5cb8", "#d9722e", "#8a5a33", "#c53a4f",
    "#2a9d8f", "#b5842a", "#4f9e4a", "#6cb6d9", "#d45fa0", "#9aa832",
    "#5b62c9", "#a85f75", "#7d8c99", "#3f7f6e", "#3c4450",
)
# fmt: on
_INK, _FAINT, _PAPER, _BLACK_KEYS = "#2b2f36", "#d9dce1", "#fcfcfd", "#f1f3f6"


def piano_roll(notes: Notes, title: str | None = None) -> Figure:
    """A matplotlib figure of the notes: seconds to the right, pitch upwards; save it with `savefig`.

    Args:
        notes: any, canonical or not.
        title: written above; in Latin letters where the font has no others.

    Raises:
        ValueError: there are no notes.
    """
    from matplotlib.figure import Figure

    if not len(notes):
        raise ValueError("there are no notes to draw")
    drums = notes.family == DRUMS
    kit = np.unique(notes.pitch[drums])
    seconds = max(float(notes.end.max()), 1e-3)
    heights = [5 * (not drums.all()), 0.17 * len(kit) + 0.25 * bool(len(kit))]
    shown = [height for height in heights if height]
    figure = Figure(figsize=(12, max(2.5, sum(shown))), facecolor="white", layout="constrained")
    panels = figure.subplots(len(shown), sharex=True, squeeze=False, height_ratios=shown)[:, 0]
    if not drums.all():
        _draw_pitches(panels[0], notes, ~drums, seconds)
    if drums.any():
        _draw_drums(panels[-1], notes, drums, kit)
    panels[-1].set_xlabel("seconds", color=_INK)
    panels[-1].set_xlim(-0.005 * seconds, 1.005 * seconds)
    if title:
        heading = figure.suptitle(_drawable(title), x=0.012, ha="left", fontsize=14, color=_INK)
        heading.set(fontweight="bold", parse_math=False)
    return figure


def _draw_pitches(axes: Any, notes: Notes, shown: npt.NDArray[np.bool_], seconds: float) -> None:
    from matplotlib.collections import PolyCollection
    from matplotlib.patches import Patch

    low, high = int(notes.pitch[shown].min()), int(notes.pitch[shown].max())
    middle, half = (low + high) / 2, max(high - low + 4, 24) / 2
    low, high = round(middle - half), round(middle + half)
    _style(axes)
    for pitch in range(low, high + 1):
        if pitch % 12 in (1, 3, 6, 8, 10):
            axes.axhspan(pitch - 0.5, pitch + 0.5, color=_BLACK_KEYS, linewidth=0, zorder=0.2)
    octaves = range(12 * -(-low // 12), high + 1, 12)
    axes.set_yticks(octaves, [f"C{pitch // 12 - 1}" for pitch in octaves])
    axes.set_ylim(low - 0.5, high + 0.5)
    axes.set_ylabel("pitch", color=_INK)
    axes.grid(color=_FAINT, linewidth=0.7)

    families = np.unique(notes.family[shown]).tolist()
    # The busiest family is drawn first, so that the accompaniment does not cover a melody.
    for family in sorted(families, key=lambda family: -int(np.count_nonzero(notes.family == family))):
        chosen = notes.family == family
        left, pitch = notes.start[chosen], notes.pitch[chosen].astype(float)
        right = np.maximum(notes.end[chosen], left + seconds / 900)
        corners = [(left, pitch - 0.42), (left, pitch + 0.42), (right, pitch + 0.42), (right, pitch - 0.42)]
        boxes = np.stack([np.stack(corner, axis=-1) for corner in corners], axis=1)
        edges = np.where(right - left > seconds / 250, 0.4, 0.0)  # a white edge would swallow a short note
        axes.add_collection(
            PolyCollection(list(boxes), facecolor=_COLOURS[family], edgecolor="white", linewidth=edges)
        )
    axes.legend(
        handles=[Patch(color=_COLOURS[family], label=FAMILIES[family]) for family in families],
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=min(len(families), 8),
        frameon=False,
        handlelength=1.0,
        handleheight=1.0,
        columnspacing=1.4,
        borderaxespad=0.2,
        fontsize=9,
        labelcolor=_INK,
    )


def _draw_drums(axes: Any, notes: Notes, shown: npt.NDArray[np.bool_], kit: npt.NDArray[np.uint8]) -> None:
    from pretty_midi import note_number_to_drum_name

    _style(axes)
    rows = np.searchsorted(kit, notes.pitch[shown])
    axes.vlines(notes.start[shown], rows - 0.36, rows + 0.36, color=_COLOURS[DRUMS], linewidth=0.9)
    names = [note_number_to_drum_name(pitch) or f"drum {pitch}" for pitch in kit.tolist()]
    axes.set_yticks(range(len(kit)), names, fontsize=7.5)
    axes.set_ylim(-0.6, len(kit) - 0.4)
    axes.grid(axis="x", color=_FAINT, linewidth=0.7)


def _drawable(text: str) -> str:
    """The text, in Latin letters if the font lacks some of its characters."""
    from anyascii import anyascii
    from matplotlib.font_manager import FontProperties, findfont, get_font

    font = get_font(findfont(FontProperties(weight="bold")))
    return text if all(font.get_char_index(ord(character)) for character in text) else anyascii(text)


def _style(axes: Any) -> None:
    axes.set_facecolor(_PAPER)
    axes.set_axisbelow(True)
    axes.tick_params(color=_FAINT, labelcolor=_INK, length=3)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(_FAINT)
