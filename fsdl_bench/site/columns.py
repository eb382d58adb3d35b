"""The columns of a board's table, and the cells of a result in them.

The page holds the cells at the headline shot as a table, and those at every number of shots as JSON for the
script, which exchanges texts and sorts by values. Neither the template nor the script formats a figure.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from fsdl_bench.site.figures import milliseconds, unit_words
from fsdl_bench.site.formats import count, duration, interval, number
from fsdl_bench.site.view import BASELINE, BUDGETS, Board, Entry, TrackView
from fsdl_bench.statistics import Estimate

TERMS = {
    "NLL": "Negative log-likelihood of the query songs given the support, per unit. Lower is better. The "
    "mean over test artists, with its 95 % interval over artists.",
    "gain": "The model’s NLL without support minus its NLL with support. Positive: the support helps.",
    "wrong − right": "NLL with another artist’s songs as support minus NLL with the right ones: what the "
    "model learnt about the artist. The rest of the gain is adaptation to the domain.",
    f"over {BASELINE}": f"The NLL of {BASELINE} minus this NLL, paired by artist. Positive: better than "
    f"{BASELINE}, which ignores the support.",
    "above optimum": "NLL minus that of the Bayes-optimal predictor, which no model beats on average.",
    "training": "Processor time of the fit: all training behind the result, the parts that it shares with "
    "other models, and the search for settings. Below it, the tokens that were learnt from.",
    "parameters": "How many numbers were learnt.",
    "adaptation": "Time from the support songs to a model that can score, per episode.",
    "date": "The day on which the result was computed.",
    "budget class": "The limit that the processor time of all training behind a result keeps: a quarter of "
    "an hour, an hour, or none. A class contains the smaller ones, and ranks are counted within it.",
    "tied": "Not significantly worse than the best at 5 %: a sign-flip test paired by artist, with Holm’s "
    "correction for the number of models.",
    "verified": "The maintainers ran the submission themselves, and every token was revealed only after its "
    "scores had arrived. Only verified results are ranked; self-reported ones follow them.",
}
"""Definitions of the pages' terms. Each is explained where it is used."""


class Column(NamedTuple):
    """A column. `first` is whether the first click sorts downwards, `shown` whether it is there at first."""

    key: str
    title: str
    hint: str
    first: bool = False
    shown: bool = True


class Cell(NamedTuple):
    """The value to sort by, the text, and a second line."""

    value: float | str | None
    text: str
    small: str = ""


def columns(track: TrackView, board: Board) -> list[Column]:
    """Return the columns of a board after rank and model."""
    found = [
        Column("nll", "NLL", unit_words(board.unit)),
        Column("gain", "gain", "over 0 shots", first=True),
        Column("control", "wrong − right", f"artist, {board.headline_shot} shots", first=True),
        Column("baseline", f"over {BASELINE}", "paired by artist", first=True),
    ]
    if track.status == "default":
        found.append(Column("optimum", "above optimum", "Bayes-optimal"))
    return [
        *found,
        Column("training", "training", "time, tokens"),
        Column("parameters", "parameters", "learnt"),
        Column("adapt", "adaptation", "per episode", shown=False),
        Column("date", "date", "of the result", first=True, shown=False),
    ]


def cells(entry: Entry, shots: int) -> dict[str, Cell]:
    """Return a result's cells at one number of shots, by column."""
    result, shot, placing = entry.result, entry.at(shots), entry.placing(shots)
    notes, control = result.submission.notes, result.aggregates.control
    cost, tokens = result.cost, notes.get("training tokens")
    spent = cost.fit_seconds if cost.fit_processor_seconds is None else cost.fit_processor_seconds
    bound = "≤ " if entry.standing == "bound" else ""
    return {
        "nll": _figure(shot.nll if shot else None, sign=False, before=bound),
        "gain": _figure(shot.gain if shot else None),
        "control": _figure(control.gain if control else None),
        "baseline": _figure(placing.over_baseline if placing else None),
        "optimum": _figure(shot.to_optimum if shot else None),
        "training": Cell(
            spent, duration(spent), f"{count(int(tokens))} tokens" if isinstance(tokens, int | float) else ""
        ),
        "parameters": Cell(result.submission.parameters, count(result.submission.parameters)),
        "adapt": Cell(
            result.cost.adapt_ms,
            "–" if result.cost.adapt_ms is None else milliseconds(result.cost.adapt_ms),
        ),
        "date": Cell(result.created.isoformat(), result.created.date().isoformat()),
    }


SWITCHED = ("nll", "gain", "baseline", "optimum")
"""The columns whose cells depend on the number of shots."""


def table_data(board: Board) -> dict[str, Any]:
    """Return what the script needs: by model, the cells and places at every number of shots."""
    return {
        "headline": board.headline_shot,
        "rows": {
            entry.slug: {
                "cells": {k: {key: cells(entry, k)[key] for key in SWITCHED} for k in board.shots},
                "places": {k: _places(entry, k) for k in board.shots},
            }
            for entry in board.shown()
        },
    }


def _places(entry: Entry, shots: int) -> dict[str, tuple[int, bool]]:
    """Rank, and whether it is tied with the best, by budget class."""
    placing = entry.placing(shots)
    found = {budget: placing.among(budget) for budget in BUDGETS} if placing else {}
    return {budget: (place.rank, place.tied) for budget, place in found.items() if place}


def _figure(estimate: Estimate | None, *, sign: bool = True, before: str = "") -> Cell:
    if estimate is None:
        return Cell(None, "–")
    return Cell(estimate.mean, before + number(estimate.mean, sign), interval(estimate))
