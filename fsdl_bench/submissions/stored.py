"""Stored objects: a fit or a shared part, with a record that says whether it may still be reused.

    <name>.pt            the object, written with torch.save
    <name>.json          its `Record`: when it was made, its checksum, the files that it came from
    <name>.json.xxh3     the checksum of the record
    checkpoints/         of an interrupted training
    used.jsonl           the files that the interrupted training has used so far

An object is reused only if its record and its bytes are intact and no file that it came from has changed. The
same holds for the checkpoints of an interrupted training.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, ValidationError

from fsdl_bench.checked import checksum, read_checked, remove_checked, write_checked
from fsdl_bench.paths import atomic_file
from fsdl_bench.submissions.inputs import Input, Tracker, first_change


class Spent(NamedTuple):
    """Wall time and processor time in seconds; the processor time is of all threads and ended children."""

    wall: float
    processor: float

    def since(self, start: Spent) -> Spent:
        """Return the time from `start` to here."""
        return Spent(self.wall - start.wall, self.processor - start.processor)


def now() -> Spent:
    """Return both clocks of this process."""
    return Spent(perf_counter(), sum(os.times()[:4]))


class Record(BaseModel):
    """The description of a stored object.

    Attributes:
        made: when it was finished.
        seconds: how long it took to make.
        processor_seconds: the processor time of that, and of all trainings that it reuses.
        reused: the processor time of each of these trainings, by a name of its own, so that one which is
            behind several parts counts once.
        checksum: XXH3-128 of the `.pt` file; "" if the object is not stored.
        inputs: the files that it came from.
    """

    model_config = ConfigDict(frozen=True)

    made: datetime
    seconds: float
    processor_seconds: float
    reused: dict[str, float] = {}
    checksum: str
    inputs: tuple[Input, ...]

    @property
    def own_seconds(self) -> float:
        """The processor time without the trainings that it reuses."""
        return self.processor_seconds - sum(self.reused.values())

    @property
    def age(self) -> str:
        """Its age, in the largest unit of which there are at least two."""
        seconds = max(0, round((datetime.now(UTC) - self.made).total_seconds()))
        for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
            if seconds >= 2 * length:
                return f"{seconds // length} {unit}"
        return f"{seconds} s"


def new_record(spent: Spent, tracker: Tracker, found: str = "") -> Record:
    """Return the record of an object that was made just now."""
    return Record(
        made=datetime.now(UTC),
        seconds=spent.wall,
        processor_seconds=spent.processor + sum(tracker.reused.values()),
        reused=dict(tracker.reused),
        checksum=found,
        inputs=tracker.inputs(),
    )


def save(value: Any, path: Path, spent: Spent, tracker: Tracker) -> Record:
    """Store an object and return its record; checkpoints next to it are no longer needed and removed.

    Args:
        value: the object; it must pickle.
        path: ends in `.pt`.
        spent: the time that it took to make.
        tracker: of the files that it came from.
    """
    with atomic_file(path) as temporary:
        with temporary.open("wb") as stream:  # through a stream the bytes do not depend on the file's name
            torch.save(value, stream)
        record = new_record(spent, tracker, checksum(temporary))
    with write_checked(path.with_suffix(".json")) as temporary:
        temporary.write_text(record.model_dump_json(), "utf-8")
    _remove_checkpoints(path.parent)
    return record


def reusable(path: Path, what: str, log: Callable[[str], None], *, again: bool = False) -> Record | None:
    """Return the record of a stored object if it may be reused; otherwise remove the object and say why.

    Args:
        path: ends in `.pt`.
        what: names the object in messages, such as "the fit of LSTM on midi-scores, seed 0".
        log: prints a line.
        again: never reuse it.
    """
    if not path.exists() and not path.with_suffix(".json").exists():
        return None
    record = read_record(path)
    change = first_change(record.inputs) if record else ""
    if record and not change and not again:
        log(f"reusing {what}, made {record.age} ago ({path.parent})")
        return record
    if change:
        _remove_checkpoints(path.parent)
    if not again:
        log(f"{change} since {what} was made" if change else f"{path}: {what} is damaged")
    remove_checked(path.with_suffix(".json"))
    path.unlink(missing_ok=True)
    return None


def read_record(path: Path) -> Record | None:
    """Return the record of a stored object; None if the record or the object is missing or damaged."""
    data = read_checked(path.with_suffix(".json"))
    if data is None:
        return None
    try:
        record = Record.model_validate_json(data)
        return record if checksum(path) == record.checksum else None
    except (ValidationError, OSError):
        return None


def prepare_checkpoints(folder: Path, tracker: Tracker, log: Callable[[str], None]) -> None:
    """Make the folder of checkpoints, and write down from now on which files the training uses.

    If one changed since an interrupted training used it, its checkpoints are removed, with a message.
    """
    used = folder / "used.jsonl"
    checkpoints = folder / "checkpoints"
    if not checkpoints.exists() or not any(checkpoints.iterdir()):
        _remove_checkpoints(folder)
    elif change := _changed_since(used):
        log(f"{change} since the interrupted training used it: the training starts from the beginning")
        _remove_checkpoints(folder)
    checkpoints.mkdir(parents=True, exist_ok=True)
    tracker.write_into(used)


def _changed_since(used: Path) -> str:
    """The first file in a list written by `Tracker.write_into` that changed, as "PATH changed"."""
    try:
        lines = [json.loads(line) for line in used.read_text("utf-8").splitlines()]
        written = {path for path, kind, _ in lines if kind == "written"}
        inputs = [
            Input(path=path, kind=kind, state=state) for path, kind, state in lines if path not in written
        ]
    except (OSError, ValueError) as error:
        return f"{used}: cannot be read ({error}); some file may have changed"
    return first_change(inputs, quick=True)


def _remove_checkpoints(folder: Path) -> None:
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    (folder / "used.jsonl").unlink(missing_ok=True)
