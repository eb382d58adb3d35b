"""Facts that a file of music states: keys, meters, tempos, parts, length, texts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fsdl_bench.metadata import Metadata
from fsdl_bench.music.events import COPYRIGHT, TEXT
from fsdl_bench.music.notes import Notes
from fsdl_bench.music.reading import DEFAULT_TEMPO, seconds_of

_MOST_TEMPOS = 64
_FLATS_TO_SHARPS = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
_RELATIVES = ("Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#", "G#", "D#", "A#")


def facts_of(score: Any, notes: Notes, opening: dict[int, list[bytes]] | None = None) -> Metadata:
    """Return what a file says.

    Args:
        score: the symusic score in ticks.
        notes: its notes.
        opening: its texts; see `opening_texts`.
    """
    seconds = float(notes.end.max())
    keys = _distinct(map(_key, score.key_signatures))
    meters = _distinct(f"{upper}/{lower}" for _, upper, lower in _meters(score))
    tempo_map, median = _tempos(score, seconds)
    parts = [part for part in score.tracks if len(part.notes)]
    opening = opening or {TEXT: [], COPYRIGHT: []}
    copyright_ = _distinct(map(_text, opening[COPYRIGHT]))
    return Metadata(
        key=keys[0] if keys else None,
        keys=keys,
        meter=meters[0] if meters else None,
        meters=meters,
        tempo=tempo_map[0][1],
        tempo_median=median,
        tempo_map=tempo_map,
        programs=tuple(sorted({128 if part.is_drum else part.program for part in parts})),
        instruments=_distinct(part.name.strip() for part in parts),
        bars=_bars(score),
        seconds=round(seconds, 2),
        texts=_distinct(map(_text, opening[TEXT])),
        copyright=copyright_[0] if copyright_ else None,
    )


def _distinct(values: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))


def _text(data: bytes) -> str:
    """Return a text event without control characters; MIDI does not say its encoding."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _meters(score: Any) -> list[tuple[int, int, int]]:
    """Return tick, upper and lower number of each time signature. A 0 is no number that MIDI allows."""
    found = ((one.time, one.numerator, one.denominator) for one in score.time_signatures)
    return [(time, upper, lower) for time, upper, lower in found if upper and lower]


def _key(signature: Any) -> str:
    if not -7 <= signature.key <= 7 or signature.tonality not in (0, 1):
        return ""
    names, mode = (_RELATIVES, "minor") if signature.tonality else (_FLATS_TO_SHARPS, "major")
    return f"{names[signature.key + 7]} {mode}"


def _tempos(score: Any, seconds: float) -> tuple[tuple[tuple[float, float], ...], float]:
    """Return the tempo map, and the median tempo by duration, in quarter notes a minute."""
    found = score.tempos.numpy()
    times, tempos = found["time"], found["mspq"]
    if len(times) == 0 or (len(times) == 1 and times[0] == 0):
        only = round(6e7 / int(tempos[0] if len(tempos) else DEFAULT_TEMPO), 3)
        return ((0.0, only),), only
    if times[0] > 0:
        times, tempos = np.concatenate([[0], times]), np.concatenate([[DEFAULT_TEMPO], tempos])
    ticks = np.append(times.astype(np.float64), 0.0)
    starts = seconds_of(ticks, found["time"], found["mspq"], score.ticks_per_quarter)
    starts[-1] = seconds
    per_minute = 6e7 / tempos
    order = per_minute.argsort(kind="stable")
    heard = np.minimum(starts, seconds)
    lasts = (heard[1:] - heard[:-1])[order].cumsum()
    middle = min(int(lasts.searchsorted(lasts[-1] / 2)), len(order) - 1)
    shown = slice(_MOST_TEMPOS)
    changes = zip(starts[:-1][shown].round(3).tolist(), per_minute[shown].round(3).tolist(), strict=True)
    return tuple(changes), round(float(per_minute[order[middle]]), 3)


def _bars(score: Any) -> int:
    """Return the number of bars by the time signatures, 4/4 before the first."""
    end, quarter = score.end(), score.ticks_per_quarter
    signatures = _meters(score)
    if not signatures or signatures[0][0] > 0:
        signatures.insert(0, (0, 4, 4))
    bars = 0.0
    for (start, upper, lower), (stop, *_) in zip(signatures, [*signatures[1:], (end, 0, 0)], strict=True):
        bars += max(0, stop - start) / (4 * quarter * upper / lower)
    return math.ceil(bars - 1e-6)
