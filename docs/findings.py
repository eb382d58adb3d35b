"""What the support and the running song are worth to each model, and what it cost: a table of one track.

    python docs/findings.py leaderboard/results/lyrics-verse
    python docs/findings.py --cost leaderboard/results/lyrics-verse
    python docs/findings.py --optimum leaderboard/results/lyrics-synthetic
    python docs/findings.py --streaming leaderboard/results/lyrics-verse

"song alone": the NLL at zero shots minus that of `lstm`, which takes from the running song what its state
holds and no more; over the seeds that both were run with, as a model that starts from the LSTM starts from
that of its seed. Under a number of shots: the gain over the model's own zero shots. All are in the track's
unit, paired by artist, with 95 % intervals over artists. On a synthetic track `--optimum` shows how far each
model stays above the Bayes-optimal NLL at the same number of shots, and its gain as a share of the optimum's.
`--streaming` shows what it is worth to observe the query songs after they have been scored: the NLL of the
independent protocol minus that of the streaming one, at each number of shots.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fsdl_bench.cli.tables import markdown_table
from fsdl_bench.comparison import compare
from fsdl_bench.results import StoredResult, artist_figures, in_unit, read_result
from fsdl_bench.statistics import Estimate, paired

FLOOR = "lstm"


def findings(stored: list[StoredResult]) -> str:
    """Gains by shots, models by their headline."""
    shots, headline = all_shots(stored), stored[0].result.track.headline_shot
    compared, models = compare(stored, against=FLOOR).results, named(stored)
    floor = models[FLOOR]
    rows = []
    for one in compared:
        model = models[one.name]
        gains = {summary.shots: summary.gain for summary in model.result.aggregates.shots}
        rows.append(
            [
                one.name,
                minus(model, floor, 0).text(sign=True) if model is not floor else "",
                *(gain.text(sign=True) if (gain := gains.get(k)) else "" for k in shots if k),
                one.control_gain.text(sign=True) if one.control_gain else "",
            ]
        )
    columns = ["model", "song alone", *(f"{k}" for k in shots if k), f"wrong - right at {headline}"]
    return markdown_table(columns, rows)


def all_shots(stored: list[StoredResult]) -> list[int]:
    """The numbers of shots that some result has; a slow model may have fewer of them than others."""
    return sorted({summary.shots for one in stored for summary in one.result.aggregates.shots})


def minus(one: StoredResult, other: StoredResult, shots: int) -> Estimate:
    """The one's NLL minus the other's, paired by artist, over the seeds of both."""
    seeds = {*one.result.seeds} & {*other.result.seeds}
    figures, others = (
        artist_figures(stored.rows[stored.rows.seed.isin(seeds)], shots=shots)[1] for stored in (one, other)
    )
    unit = in_unit(one.result.track.unit)
    return paired(figures * unit, others * unit).estimate


def streaming(stored: list[StoredResult], independent: list[StoredResult]) -> str:
    """Return the gain from observing by shots, models by their headline in the streaming protocol."""
    before = named(independent)
    shots, rows = all_shots(stored), []
    for after in ranked(stored):
        if after.name in before:
            pair = before[after.name], after
            both = set(all_shots([pair[0]])) & set(all_shots([pair[1]]))
            rows.append([after.name, *(minus(*pair, k).text(sign=True) if k in both else "" for k in shots)])
    return markdown_table(["model", *(f"{k}" for k in shots)], rows)


def optimum(stored: list[StoredResult]) -> str:
    """Distance to the Bayes-optimal curve by shots, models by their headline.

    The optimum gains from 0 to K shots what a model gains and what its distance grows by.
    """
    headline = stored[0].result.track.headline_shot
    rows, shots = [], all_shots(stored)
    for one in ranked(stored):
        by_shots = {summary.shots: summary for summary in one.result.aggregates.shots}
        above = {shots: summary.to_optimum for shots, summary in by_shots.items()}
        first, last, gain = above[0], above[headline], by_shots[headline].gain
        share = ""
        if first and last and gain:
            share = f"{gain.mean / (gain.mean + last.mean - first.mean):.0%}"
        cells = (interval.text() if (interval := above.get(k)) else "" for k in shots)
        rows.append([one.name, *cells, share])
    return markdown_table(["model", *(f"{k}" for k in shots), f"share of the gain at {headline}"], rows)


def costs(stored: list[StoredResult]) -> str:
    """Size, training and waiting times."""
    rows = []
    for one in ranked(stored):
        result = one.result
        notes, cost = result.submission.notes, result.cost
        tokens = sum(int(notes.get(key) or 0) for key in ("training tokens", "meta-training tokens"))
        rows.append(
            [
                one.name,
                result.submission.family,
                f"{result.submission.parameters:,}" if result.submission.parameters else "",
                f"{tokens / 1e6:.1f} M" if tokens else "",
                f"{notes['training seconds']:,.0f}" if "training seconds" in notes else "",
                f"{cost.fit_seconds:,.0f}" if cost.fit_seconds is not None else "",
                f"{cost.adapt_ms:,.1f}" if cost.adapt_ms is not None else "",
                f"{cost.tokens_per_second:,.0f}" if cost.tokens_per_second else "",
            ]
        )
    columns = ["model", "family", "parameters", "tokens learnt", "training, s", "fit, s"]
    return markdown_table([*columns, "adapt to 5 songs, ms", "tokens scored/s"], rows)


def ranked(stored: list[StoredResult]) -> list[StoredResult]:
    """By the headline, the best first; results without it come last."""

    def nll(one: StoredResult) -> float:
        headline = one.result.headline
        return headline.nll.mean if headline else float("inf")

    return sorted(stored, key=nll)


def named(stored: list[StoredResult]) -> dict[str, StoredResult]:
    """By the model's name."""
    return {one.name: one for one in stored}


def results(folder: Path) -> list[StoredResult]:
    """All of a folder."""
    return [read_result(path) for path in sorted(folder.glob("*.json"))]


def main() -> None:
    """Read the command line and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cost", action="store_true")
    parser.add_argument("--optimum", action="store_true")
    parser.add_argument("--streaming", action="store_true")
    options = parser.parse_args()
    stored = results(options.folder)
    if options.streaming:
        print(streaming(results(options.folder / "streaming"), stored))
    else:
        print((costs if options.cost else optimum if options.optimum else findings)(stored))


if __name__ == "__main__":
    main()
