"""Compute the figures of a result from its song rows: NLL by shots, gains, control, distance to the optimum.

Each figure is computed per artist, averaged over seeds, and then estimated over artists
(`statistics.estimate`). An interval therefore covers other artists. The variation with the training seed is
reported separately: `seed_spread` is the standard deviation of the headline over seeds.

    nll(K)         sum nats / sum units, in the track's unit: nats per note, or bits per UTF-8 byte
    gain(K)        nll(0) - nll(K); positive if the support helps
    control gain   nll with another artist's support - nll with the right one, both at the headline shot
    to_optimum(K)  nll(K) - nll of the Bayes-optimal predictor, on synthetic tracks
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

from fsdl_bench.codecs.base import Unit
from fsdl_bench.frozen import Frozen
from fsdl_bench.statistics import Estimate, Floats, estimate, estimates, ratio_by_group

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd


class ShotSummary(Frozen):
    """The figures at one number of shots.

    Attributes:
        shots: K.
        nll: NLL in the track's unit.
        nats_per_token: NLL per scored token.
        nats_per_song: mean -log p(x') over query songs.
        bits_per_second: NLL per second of music; MIDI only.
        by_kind: the part of the NLL from each kind of token, in the track's unit.
        gain: NLL at zero shots minus this NLL; None at zero shots and if zero shots were not run.
        to_optimum: NLL minus that of the Bayes-optimal predictor; synthetic tracks only.
        seed_spread: standard deviation of `nll` over seeds; None with one seed.
    """

    shots: int
    nll: Estimate
    nats_per_token: Estimate
    nats_per_song: Estimate
    bits_per_second: Estimate | None
    by_kind: dict[str, float]
    gain: Estimate | None
    to_optimum: Estimate | None
    seed_spread: float | None


class ControlSummary(Frozen):
    """The figures with another artist's support.

    Attributes:
        shots: K, the headline shot.
        nll: NLL with the other artist's support.
        gain: that NLL minus the NLL with the right support: what the model learnt about the artist.
    """

    shots: int
    nll: Estimate
    gain: Estimate


class Aggregates(Frozen):
    """All figures that are computed from the song rows, and recomputed whenever a result is read."""

    artists: int
    episodes: int
    songs: int
    shots: tuple[ShotSummary, ...]
    control: ControlSummary | None


def artist_figures(
    frame: pd.DataFrame, *, shots: int, condition: str = "right", value: str = "nats", per: str = "units"
) -> tuple[list[str], Floats]:
    """Return one figure per artist, averaged over seeds.

    Args:
        frame: song rows.
        shots: K.
        condition: "right" for the artist's own support, "control" for another artist's.
        value: the column to sum.
        per: the column to divide by, or "songs" for a mean over songs.

    Returns:
        The sorted artist keys, and float64 [A]: sum of `value` / sum of `per`, in nats if `value` is nats.

    Raises:
        ValueError: there are no rows of this condition and number of shots.
    """
    names, figures = _by_seed(frame, shots, condition, value, per)
    return names, figures.mean(axis=0)


def in_unit(unit: Unit) -> float:
    """Return the factor from nats to the headline's unit: bits for bytes, nats for notes."""
    return 1 / math.log(2) if unit == "byte" else 1.0


def summarise(frame: pd.DataFrame, unit: Unit) -> Aggregates:
    """Compute all figures from checked song rows; `unit` is what their column `units` counts."""
    songs = frame[["artist", "episode", "song_id"]].drop_duplicates()
    right = frame[frame["condition"] == "right"]
    control = frame[frame["condition"] == "control"]
    shots = sorted(int(k) for k in right["shots"].unique())
    figures, plain = zip(*(_at_shot(right, k, unit) for k in shots), strict=True)
    # All in one call, since each call reads the whole table of bootstrap samples.
    found = iter(estimates([row for rows in figures for row in rows.values()]))
    return Aggregates(
        artists=songs["artist"].nunique(),
        episodes=len(songs[["artist", "episode"]].drop_duplicates()),
        songs=len(songs),
        shots=tuple(
            ShotSummary.model_validate({"shots": k} | others | {name: next(found) for name in rows})
            for k, rows, others in zip(shots, figures, plain, strict=True)
        ),
        control=_control(frame, int(control["shots"].iloc[0]), unit) if len(control) else None,
    )


def _at_shot(right: pd.DataFrame, shots: int, unit: Unit) -> tuple[dict[str, Floats], dict[str, Any]]:
    """The fields of a `ShotSummary`: figures by artist [A], of which it has the estimates, and the others."""
    scale = in_unit(unit)
    _, seeds = _by_seed(right, shots, "right", "nats", "units")
    nll = seeds.mean(axis=0) * scale

    def figure(value: str, per: str) -> Floats:
        return artist_figures(right, shots=shots, value=value, per=per)[1]

    kinds = sorted(name for name in right.columns if name.startswith("nats_"))
    zero = artist_figures(right, shots=0)[1] if shots and 0 in right["shots"].to_numpy() else None
    figures = {
        "nll": nll,
        "nats_per_token": figure("nats", "tokens"),
        "nats_per_song": figure("nats", "songs"),
    }
    if "seconds" in right:
        figures["bits_per_second"] = figure("nats", "seconds") / math.log(2)
    if zero is not None:
        figures["gain"] = zero * scale - nll
    if "optimal_nats" in right:
        figures["to_optimum"] = nll - figure("optimal_nats", "units") * scale
    absent = dict.fromkeys(("bits_per_second", "gain", "to_optimum"))
    return figures, absent | {
        "by_kind": {name[5:]: float(figure(name, "units").mean() * scale) for name in kinds},
        "seed_spread": float(seeds.mean(axis=1).std(ddof=1) * scale) if len(seeds) > 1 else None,
    }


def _control(frame: pd.DataFrame, shots: int, unit: Unit) -> ControlSummary:
    scale = in_unit(unit)
    _, wrong = artist_figures(frame, shots=shots, condition="control")
    _, right = artist_figures(frame, shots=shots)
    return ControlSummary(shots=shots, nll=estimate(wrong * scale), gain=estimate((wrong - right) * scale))


def _by_seed(
    frame: pd.DataFrame, shots: int, condition: str, value: str, per: str
) -> tuple[list[str], Floats]:
    import numpy as np

    chosen = (frame["shots"].to_numpy() == shots) & _equal(frame["condition"], condition)
    if not chosen.any():
        raise ValueError(f"no {condition} rows at {shots} shots")

    def column(name: str) -> npt.NDArray[Any]:
        found: npt.NDArray[Any] = frame[name].to_numpy()[chosen]
        return found

    above = column(value)
    below = np.ones(len(above)) if per == "songs" else column(per)
    seeds = column("seed")
    artists = _category(frame["artist"])[chosen]
    found = [
        ratio_by_group(artists.codes[seeds == seed], above[seeds == seed], below[seeds == seed])
        for seed in np.unique(seeds)
    ]
    names = [str(name) for name in artists.categories[found[0][0]]]
    order = np.argsort(names)
    return [names[place] for place in order], np.stack([figures for _, figures in found])[:, order]


def _category(column: pd.Series[Any]) -> pd.Categorical:
    """The column as a category, copied only if it is none."""
    return cast("pd.Categorical", (column if column.dtype == "category" else column.astype("category")).array)


def _equal(column: pd.Series[Any], value: str) -> npt.NDArray[np.bool_]:
    """Whether each row has this value; by the codes of a category, which takes a tenth of the time."""
    stored = _category(column)
    known = list(stored.categories)
    found: npt.NDArray[np.bool_] = stored.codes == (known.index(value) if value in known else -2)
    return found
