"""Draw the charts of the reference models from the committed results.

    python docs/charts.py

For each track `docs/images/charts/<track>.svg` has the models, best first, with their NLL, the gain from five
songs, wrong minus right artist, and the time of one adaptation. `<track>-optimum.svg` has the distance to the
optimum of a synthetic track by number of support songs. Bars are 95 % intervals over artists. Each file names
the results that it shows, so a test can tell whether it is up to date.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fsdl_bench.fingerprint import key
from fsdl_bench.results import Result, ShotSummary
from fsdl_bench.statistics import Estimate

ROOT = Path(__file__).parents[1]
CHARTS = ROOT / "docs/images/charts"
TRACKS = ("lyrics-verse", "midi-scores", "lyrics-synthetic", "midi-synthetic")
UNITS = {"byte": "bits per byte", "note": "nats per note"}
LINES = 8
"""A chart by shots shows at most so many models: more lines cannot be told apart."""


def results_of(track: str) -> list[Result]:
    """Return the independent results of a track, best first, without uniform, which is far off the scale."""
    folder = ROOT / "leaderboard/results" / track
    found = [Result.model_validate_json(path.read_bytes()) for path in sorted(folder.glob("*.json"))]
    return sorted((one for one in found if one.submission.name != "uniform"), key=nll_of)


def headline(result: Result) -> ShotSummary:
    """Return the summary at the headline shot."""
    return next(shot for shot in result.aggregates.shots if shot.shots == result.track.headline_shot)


def nll_of(result: Result) -> float:
    """Return the NLL at the headline shot."""
    return headline(result).nll.mean


def digest(results: Sequence[Result]) -> str:
    """Return a hash of the song rows that a chart shows."""
    return key([[one.submission.name, one.rows.sha256] for one in results])


def drawn(path: Path, results: Sequence[Result]) -> bool:
    """Whether a chart is there and shows these results."""
    return path.is_file() and digest(results) in path.read_text("utf-8")


def models_chart(results: Sequence[Result]) -> Figure:
    """One row a model, one panel a figure."""
    unit = UNITS[results[0].track.unit]
    shots = results[0].track.headline_shot
    rows = range(len(results))
    figure = Figure(figsize=(11, 1.3 + 0.27 * len(results)), layout="constrained")
    nll, gain, control, cost = figure.subplots(1, 4, sharey=True, width_ratios=(3, 2, 2, 2))
    estimates(nll, [headline(one).nll for one in results])
    estimates(gain, [headline(one).gain for one in results])
    estimates(control, [one.aggregates.control.gain if one.aggregates.control else None for one in results])
    cost.plot([one.cost.adapt_ms or float("nan") for one in results], rows, "o", color="C0", markersize=4)
    cost.set(xscale="log", xlim=(0.1, 1e5))
    nll.set(title=f"NLL at {shots} songs, {unit}", yticks=rows)
    nll.set_yticklabels([one.submission.name for one in results])
    nll.invert_yaxis()
    gain.set_title(f"gain from {shots} songs")
    control.set_title("wrong - right artist")
    cost.set_title(f"ms to adapt to {shots} songs")
    for axis in (nll, gain, control, cost):
        axis.grid(alpha=0.3)
        axis.title.set_fontsize(9)
    for axis in (gain, control):
        axis.axvline(0, color="black", linewidth=0.8)
    return figure


def estimates(axis: Axes, found: Sequence[Estimate | None]) -> None:
    """Draw means and intervals, from the top to the bottom."""
    for row, one in enumerate(found):
        if one is not None:
            axis.plot([one.low, one.high], [row, row], color="C0", linewidth=2)
            axis.plot(one.mean, row, "o", color="C0", markersize=4)


def optimum_chart(results: Sequence[Result]) -> Figure:
    """One line a model: the distance to the optimum by shots."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    axis = figure.subplots()
    for one in results[:LINES]:
        points = [(shot.shots, shot.to_optimum) for shot in one.aggregates.shots if shot.to_optimum]
        shots, found = [k for k, _ in points], [estimate for _, estimate in points]
        line = axis.plot(
            shots, [one.mean for one in found], marker="o", markersize=4, label=one.submission.name
        )
        axis.vlines(shots, [one.low for one in found], [one.high for one in found], color=line[0].get_color())
    axis.axhline(0, color="black", linewidth=0.8)
    axis.set_xticks(sorted({shot.shots for one in results for shot in one.aggregates.shots}))
    axis.set(xlabel="support songs", ylabel=UNITS[results[0].track.unit])
    axis.set_title("distance to the best possible NLL", fontsize=10)
    axis.grid(alpha=0.3)
    figure.legend(loc="outside right upper", frameon=False)
    return figure


def charts_of(track: str, results: Sequence[Result]) -> dict[Path, Callable[[Sequence[Result]], Figure]]:
    """Return the charts of a track: its files, and the function that draws each."""
    drawings = {CHARTS / f"{track}.svg": models_chart}
    if headline(results[0]).to_optimum is not None:
        drawings[CHARTS / f"{track}-optimum.svg"] = optimum_chart
    return drawings


def main() -> None:
    """Draw what is not up to date."""
    CHARTS.mkdir(parents=True, exist_ok=True)
    mpl.rcParams["svg.hashsalt"] = "fsdl-bench"
    for track in TRACKS:
        results = results_of(track)
        for path, draw in charts_of(track, results).items():
            if not drawn(path, results):
                described = {"Date": None, "Description": f"Results {digest(results)}"}
                draw(results).savefig(path, metadata=described)
                print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
