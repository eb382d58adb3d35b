"""How the gain from the support grows with the number of shots, and which artists gain: tables and charts.

    python docs/curves.py leaderboard/results/lyrics-verse
    python docs/curves.py --artists 5 leaderboard/results/lyrics-verse
    python docs/curves.py --songs 5 leaderboard/results/lyrics-verse
    python docs/curves.py --charts docs/images leaderboard/results/lyrics-verse

`--artists` and `--songs` show who gains most and least from the support at the headline's number of shots,
with the model that gains most; of each artist the one song that gains most or least. `--songs` needs the
built track, for the titles.

The curve is a power law, fitted by least squares to the mean gains over a model's own zero shots:

    g(K) = a K^b            K = 1, 2, 5, ...

b = 1: each song adds as much as the one before it; b = 0: all that can be learned is in the first song. The
intervals hold the middle 95 % of the fits to 1,000 resamples of the artists. A model has a curve if the
interval of its gain at the headline is above zero.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from findings import FLOOR, minus, named, results
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fsdl_bench import load_track
from fsdl_bench.cli.tables import markdown_table
from fsdl_bench.comparison import Compared, compare
from fsdl_bench.results import StoredResult, artist_figures, in_unit
from fsdl_bench.statistics import Estimate, Floats, estimate

RESAMPLES = 1000


def gains(stored: StoredResult) -> tuple[list[str], list[int], Floats]:
    """Return artists [A], shots [S] above zero, and the gain of each artist at each, [A, S]."""
    shots = [summary.shots for summary in stored.result.aggregates.shots if summary.shots]
    names, zero = artist_figures(stored.rows, shots=0)
    own = np.stack([zero - artist_figures(stored.rows, shots=k)[1] for k in shots], axis=1)
    return names, shots, own * in_unit(stored.result.track.unit)


def fit(shots: list[int], means: Floats) -> Floats:
    """Return (a, b) of a K^b with the least squared error; b is searched between 0 and 2, a is exact."""
    powers = np.linspace(0.0, 2.0, 401)
    curves = np.asarray(shots, np.float64)[:, None] ** powers
    factors = means @ curves / (curves**2).sum(0)
    errors = ((means[:, None] - factors * curves) ** 2).sum(0)
    best = int(errors.argmin())
    return np.array([factors[best], powers[best]])


def curve(shots: list[int], found: Floats) -> tuple[Estimate, Estimate]:
    """Return a and b with their intervals, for gains of each artist at each of the shots, [A, S]."""
    random = np.random.default_rng(0)
    drawn = random.integers(len(found), size=(RESAMPLES, len(found)))
    fits = np.stack([fit(shots, found[one].mean(0)) for one in drawn])
    low, high = np.quantile(fits, [0.025, 0.975], axis=0)
    a, b = (
        Estimate(mean=mean, low=one, high=other)
        for mean, one, other in zip(fit(shots, found.mean(0)), low, high, strict=True)
    )
    return a, b


def table(stored: list[StoredResult]) -> str:
    """The curves, models by their headline."""
    rows, models = [], named(stored)
    for one in compare(stored).results:
        if has_curve(one, models):
            _, shots, found = gains(models[one.name])
            a, b = curve(shots, found)
            last = estimate(found[:, -1])
            rows.append([one.name, a.text(), b.text(), f"{shots[-1]}", last.text(sign=True)])
    return markdown_table(["model", "a: gain from one song", "b", "most shots", "gain there"], rows)


def most_adaptive(stored: list[StoredResult]) -> StoredResult:
    """Return the result with the largest gain from the support at the headline."""
    found = [one for one in compare(stored).results if one.gain]
    return named(stored)[max(found, key=lambda one: one.gain.mean if one.gain else 0.0).name]


def artists(stored: list[StoredResult], count: int) -> str:
    """The artists with the largest and the smallest gains."""
    best = most_adaptive(stored)
    names, shots, found = gains(best)
    headline = best.result.track.headline_shot
    own = found[:, shots.index(headline)]
    nll = artist_figures(best.rows, shots=headline)[1] * in_unit(best.result.track.unit)
    order = np.argsort(-own)
    rows = [[names[i], f"{nll[i]:.4f}", f"{own[i]:+.4f}"] for i in (*order[:count], *order[-count:])]
    return markdown_table([f"artist ({best.name})", f"NLL at {headline}", "gain"], rows)


def songs(stored: list[StoredResult], count: int) -> str:
    """The songs with the largest and the smallest gains, over all episodes in which they are a query."""
    best = most_adaptive(stored)
    headline, unit = best.result.track.headline_shot, in_unit(best.result.track.unit)
    track = load_track(best.result.track.name)
    titles = {
        song.id: f"{song.artist}: {song.title}" for artist in track.test.artists for song in artist.songs
    }
    right = best.rows[best.rows.condition == "right"]
    total = right.groupby(["shots", "song_id"], observed=True)[["nats", "units"]].sum()
    nll = total.nats / total.units * unit
    own = (nll[0] - nll[headline]).sort_values(ascending=False)
    artist = right.drop_duplicates("song_id").set_index("song_id").artist[own.index]
    chosen = pd.concat(
        [own[~artist.duplicated()].head(count), own[~artist.duplicated(keep="last")].tail(count)]
    )
    rows = [[titles[song], f"{nll[headline][song]:.4f}", f"{gain:+.4f}"] for song, gain in chosen.items()]
    return markdown_table([f"song ({best.name})", f"NLL at {headline}", "gain"], rows)


def learns(one: Compared) -> bool:
    """Whether the support helps: the interval of the gain is above zero."""
    return one.gain is not None and one.gain.low is not None and one.gain.low > 0


def has_curve(one: Compared, models: Mapping[str, StoredResult]) -> bool:
    """Whether the support helps, at enough numbers of shots for the two parameters of a curve."""
    return learns(one) and len(models[one.name].result.aggregates.shots) > 3


def charts(stored: list[StoredResult], folder: Path) -> list[Path]:
    """Draw the three charts of a track; return their files."""
    track, models = stored[0].result.track, named(stored)
    compared = [one for one in compare(stored, against=FLOOR).results if one.exact]
    adaptive = [one for one in compared if has_curve(one, models)]
    unit = "bits/byte" if track.unit == "byte" else "nats/note"
    made = []
    with mpl.rc_context({"svg.hashsalt": "fsdl-bench", "svg.fonttype": "none", "font.size": 9}):
        for name, draw in (("shots", by_shots), ("worth", by_origin), ("cost", by_cost)):
            figure = Figure(figsize=(6.4, 3.6), layout="constrained")
            axes = figure.add_subplot()
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(alpha=0.25)
            draw(axes, adaptive if name == "shots" else compared, models, unit)
            made.append(folder / f"{name}-{track.name}.svg")
            figure.savefig(made[-1], metadata={"Date": None})
    return made


def by_shots(axes: Axes, compared: list[Compared], models: dict[str, StoredResult], unit: str) -> None:
    """Gain from the support against the number of shots, with the fitted curves."""
    for one in compared:
        _, shots, found = gains(models[one.name])
        dense = np.linspace(shots[0], shots[-1], 100)
        a, b = fit(shots, found.mean(0))
        (points,) = axes.plot(shots, found.mean(0), "o", label=f"{one.name}: {a:.4f} K^{b:.2f}")
        axes.plot(dense, a * dense**b, color=points.get_color(), linewidth=1)
    axes.set(xlabel="songs in the support, K", ylabel=f"gain, {unit}")
    if compared:
        axes.set_xticks(shots)
        axes.legend(frameon=False)


def by_origin(axes: Axes, compared: list[Compared], models: dict[str, StoredResult], unit: str) -> None:
    """What the running song, the right support and the wrong one are worth at the headline."""
    shown = [one for one in compared if one.name != FLOOR and one.gain and one.nll.mean <= _floor(compared)]
    places = np.arange(len(shown))[::-1]
    parts = {
        "song alone, against lstm": [minus(models[FLOOR], models[one.name], 0) for one in shown],
        "support": [one.gain for one in shown],
        "right instead of wrong artist": [one.control_gain for one in shown],
    }
    for number, (label, estimates) in enumerate(parts.items()):
        known = [(place, estimate) for place, estimate in zip(places, estimates, strict=True) if estimate]
        means = np.array([estimate.mean for _, estimate in known])
        ends = (
            np.array([[estimate.low or 0.0, estimate.high or 0.0] for _, estimate in known]).reshape(-1, 2).T
        )
        where = np.array([place for place, _ in known]) + 0.27 * (1 - number)
        axes.barh(
            where, means, height=0.25, xerr=np.abs(ends - means), label=label, error_kw={"linewidth": 0.8}
        )
    axes.set(yticks=places, yticklabels=[one.name for one in shown], xlabel=f"gain, {unit}")
    axes.legend(frameon=False, loc="lower right")


def by_cost(axes: Axes, compared: list[Compared], models: dict[str, StoredResult], unit: str) -> None:
    """NLL at the headline against the time that scoring a token takes, without the weakest models."""
    for one in compared:
        speed = models[one.name].result.cost.tokens_per_second
        if speed and one.nll.mean < 1.25 * _floor(compared):
            axes.plot(1000 / speed, one.nll.mean, "o", color="C0")
            axes.annotate(one.name, (1000 / speed, one.nll.mean), xytext=(5, 4), textcoords="offset points")
    axes.set(xscale="log", xlabel="ms for each scored token", ylabel=f"NLL, {unit}")
    axes.margins(x=0.15)


def _floor(compared: list[Compared]) -> float:
    return next(one.nll.mean for one in compared if one.name == FLOOR)


def main() -> None:
    """Read the command line and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--artists", type=int)
    parser.add_argument("--songs", type=int)
    parser.add_argument("--charts", type=Path)
    options = parser.parse_args()
    stored = results(options.folder)
    if options.charts:
        print(*charts(stored, options.charts), sep="\n")
    elif options.songs:
        print(songs(stored, options.songs))
    else:
        print(artists(stored, options.artists) if options.artists else table(stored))


if __name__ == "__main__":
    main()
