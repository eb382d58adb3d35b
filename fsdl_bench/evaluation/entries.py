"""The entries of a journal, one JSON object each; the `entry` field tells them apart.

start   once for each seed: what the submission says about itself, its fit, the files that it used
cell    one scored cell: nats, audits, times
state   the end of a seed: the audits with a fresh copy, or the proof of a verified run
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from fsdl_bench.evaluation.audit import Check
from fsdl_bench.results import Compression
from fsdl_bench.submissions.inputs import Input
from fsdl_bench.submissions.session import Facts


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int


class StartEntry(_Entry):
    """The beginning of a seed.

    Attributes:
        facts: what the submission says about itself.
        sealing: what keeps the submission from the songs' files, in words.
        fit_seconds: how long the fit took; None without a `fit`.
        fit_processor_seconds: the processor time of all training behind it; None without a `fit`.
        fit: checksum of the cached fit; None without a `fit`, "" if it is not cached.
        inputs: the files that the submission used before the first cell.
    """

    entry: Literal["start"] = "start"
    facts: Facts
    sealing: str
    fit_seconds: float | None
    fit_processor_seconds: float | None
    fit: str | None
    inputs: tuple[Input, ...]


class CellEntry(_Entry):
    """A scored cell whose audits held.

    Attributes:
        cell: its index in the plan.
        nats: the sum of each query song.
        kinds: the part of each sum that fell on each kind of token.
        checks: the audits of this cell.
        adapt: seconds.
        score: seconds.
        audit: seconds.
        inputs: files that the submission used for the first time.
        tokens: the nats of each token of each song; kept where the `state` audit needs them.
        dtype: the type that these scores came in.
        layers: what isolated the cell, in a verified run.
    """

    entry: Literal["cell"] = "cell"
    cell: int
    nats: tuple[float, ...]
    kinds: tuple[dict[str, float], ...]
    checks: tuple[Check, ...]
    adapt: float
    score: float
    audit: float
    inputs: tuple[Input, ...] = ()
    tokens: tuple[tuple[float, ...], ...] | None = None
    dtype: str | None = None
    layers: tuple[str, ...] = ()


class StateEntry(_Entry):
    """The end of a seed: the `state` audits.

    Attributes:
        checks: the audits; none in a verified run, which needs none.
        audit: seconds.
        compression: the proof by compression of a verified run, for one seed.
    """

    entry: Literal["state"] = "state"
    checks: tuple[Check, ...]
    audit: float
    compression: Compression | None = None


Entry: TypeAlias = Annotated[StartEntry | CellEntry | StateEntry, Field(discriminator="entry")]

ENTRY: TypeAdapter[Entry] = TypeAdapter(Entry)
"""Reads and writes entries as JSON. Floats come back with the same bits."""
