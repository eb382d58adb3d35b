"""Piano rolls: every note drawn where it belongs, in any script, with and without drums."""

import io

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from fsdl_bench.music.notes import DRUMS, FAMILIES, Notes
from fsdl_bench.music.plotting import piano_roll


def notes(families, pitches):
    count = len(families)
    start = np.arange(count) / 2
    return Notes(
        start=start,
        end=start + 0.4,
        family=np.array(families, np.uint8),
        pitch=np.array(pitches, np.uint8),
        velocity=np.full(count, 80, np.uint8),
        track=np.zeros(count, np.uint16),
    )


def boxes(axes):
    """(left, right, middle, colour) of everything drawn as a box."""
    out = []
    for collection in axes.collections:
        colour = [*collection.get_facecolor().tolist(), None][0]
        extents = [path.get_extents() for path in collection.get_paths()]
        out += [(box.x0, box.x1, (box.y0 + box.y1) / 2, colour) for box in extents]
    return sorted(out)


def test_every_note_is_a_box_at_its_time_and_pitch_in_its_family_s_colour():
    song = notes([0, 5, 0, 5], [60, 64, 67, 72])
    (axes,) = piano_roll(song, "A song").axes
    drawn = boxes(axes)
    assert [box[:3] for box in drawn] == [
        (k / 2, k / 2 + 0.4, pitch) for k, pitch in enumerate((60, 64, 67, 72))
    ]
    legend = axes.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == [FAMILIES[0], FAMILIES[5]]
    colours = [list(to_rgba(patch.get_facecolor())) for patch in legend.get_patches()]
    assert [box[3] for box in drawn] == colours * 2
    assert axes.get_xlabel() == "seconds"
    low, high = axes.get_ylim()
    names = {tick.get_text(): at for tick, at in zip(axes.get_yticklabels(), axes.get_yticks(), strict=True)}
    assert names["C4"] == 60
    assert low < 60 < 72 < high


def test_drums_have_a_strip_of_their_own():
    song = notes([0, DRUMS, DRUMS, DRUMS], [60, 36, 38, 36])
    above, below = piano_roll(song).axes
    assert len(boxes(above)) == 1
    assert len(boxes(below)) == 3
    assert [text.get_text() for text in below.get_yticklabels()] == ["Bass Drum 1", "Acoustic Snare"]
    assert above.get_xlim() == below.get_xlim()
    (only,) = piano_roll(notes([DRUMS], [3])).axes
    assert [text.get_text() for text in only.get_yticklabels()] == ["drum 3"]


@pytest.mark.parametrize("title", ["千里之外", "Für Elise — $x_1$ & 50%", "🎵", "אבג", None])
def test_it_can_be_saved_whatever_the_title(title):
    out = io.BytesIO()
    piano_roll(notes(range(17), range(30, 47)), title).savefig(out, dpi=40)
    assert out.getvalue().startswith(b"\x89PNG")


def test_nothing_cannot_be_drawn():
    with pytest.raises(ValueError, match="no notes"):
        piano_roll(notes([], []))
