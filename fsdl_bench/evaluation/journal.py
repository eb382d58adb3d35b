"""The journal of a run: what was scored so far, so that a run that was killed can be resumed.

    FSDL_BENCH_HOME/runs/<key>/run.json        the audit seed and what the key covers; its checksum next to it
    FSDL_BENCH_HOME/runs/<key>/entries.jsonl   "<XXH3-128> <entry>" a line; see `entries`
    FSDL_BENCH_HOME/runs/<key>/owner.json      the process that writes it

The key covers everything that the scores depend on and that is known before the run. The journal is removed
when the result is written. A line that a kill has cut off or that is damaged is dropped, with a message, and
its cell is scored again.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import psutil
import xxhash
from pydantic import BaseModel, ValidationError

from fsdl_bench import fingerprint
from fsdl_bench.checked import read_checked, write_checked
from fsdl_bench.errors import BadInput
from fsdl_bench.evaluation.entries import ENTRY, CellEntry, Entry, StartEntry, StateEntry
from fsdl_bench.paths import atomic_write, home
from fsdl_bench.submissions.stored import Record


class SeedEntries(NamedTuple):
    """The entries of one seed in a journal.

    Attributes:
        start: the beginning; None before it.
        cells: the scored cells by their index in the plan.
        ended: whether the seed was completed.
    """

    start: StartEntry | None
    cells: dict[int, CellEntry]
    ended: bool


class Journal:
    """The journal of one run; use `with open_journal(...)`.

    Attributes:
        folder: where it is kept.
        audit_seed: the seed of the run's audits, drawn once.
        entries: what is written so far, in order.
    """

    def __init__(self, folder: Path, audit_seed: int, entries: list[Entry]) -> None:
        self.folder = folder
        self.audit_seed = audit_seed
        self.entries = entries
        self._stream = (folder / "entries.jsonl").open("ab")

    def append(self, entry: Entry) -> None:
        """Write one entry; it is handed to the operating system when this returns."""
        self._stream.write(_line(entry))
        self._stream.flush()
        self.entries.append(entry)

    def of_seed(self, seed: int) -> SeedEntries:
        """Return what is written of one seed so far."""
        own = [entry for entry in self.entries if entry.seed == seed]
        return SeedEntries(
            start=next((entry for entry in own if isinstance(entry, StartEntry)), None),
            cells={entry.cell: entry for entry in own if isinstance(entry, CellEntry)},
            ended=any(isinstance(entry, StateEntry) for entry in own),
        )

    def discard(self) -> None:
        """Remove the journal because the run is complete."""
        self._stream.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()
        (self.folder / "owner.json").unlink(missing_ok=True)


class _RunRecord(BaseModel):
    audit_seed: int
    facts: dict[str, Any]


def open_journal(facts: Mapping[str, Any], resume: bool | None, log: Callable[[str], None]) -> Journal:
    """Open the journal of the run that these facts describe.

    Args:
        facts: everything that the run's scores depend on, as JSON values.
        resume: True resumes what is there, if anything; False starts over; None starts only if nothing is
            there.
        log: is told what was damaged.

    Raises:
        BadInput: another process is running this evaluation, or there is an unfinished run and `resume` is
            None.
    """
    folder = home() / "runs" / fingerprint.key(dict(facts))
    _check_owner(folder)
    entries = _read(folder / "entries.jsonl", log)
    record = _read_record(folder / "run.json", facts)
    if entries and record is None:
        log(f"{folder}: run.json is damaged; the run starts from the beginning")
        entries = []
    if entries and resume is None:
        cells = sum(isinstance(entry, CellEntry) for entry in entries)
        raise BadInput(
            f"{folder}: an unfinished run of this evaluation has {cells} scored cells. "
            "--resume continues it, --restart starts over"
        )
    if record is None or not entries or not resume:
        shutil.rmtree(folder, ignore_errors=True)
        record = _RunRecord(audit_seed=secrets.randbits(63), facts=dict(facts))
        with write_checked(folder / "run.json") as temporary:
            temporary.write_text(record.model_dump_json(), "utf-8")
        entries = []
    process = psutil.Process()
    atomic_write(folder / "owner.json", json.dumps({"pid": process.pid, "started": process.create_time()}))
    return Journal(folder, record.audit_seed, entries)


def check_fit(start: StartEntry | None, record: Record | None) -> None:
    """Raise `BadInput` if the kept scores came from another fit."""
    checksum = record.checksum if record else None
    if start is not None and (checksum == "" or checksum != start.fit):
        raise BadInput(
            "the unfinished run scored with another fit of this submission, which is no longer cached: "
            "start over with --restart"
        )


def _line(entry: Entry) -> bytes:
    text = ENTRY.dump_json(entry)
    return xxhash.xxh3_128_hexdigest(text).encode() + b" " + text + b"\n"


def _read(path: Path, log: Callable[[str], None]) -> list[Entry]:
    """The intact entries; if any line is not, the file is written again without it."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    lines = data.splitlines(keepends=True)
    found = [entry for line in lines if (entry := _parse(line)) is not None]
    kept = _consistent(found)
    if len(kept) < len(lines):
        log(f"{path}: {len(lines) - len(kept)} of {len(lines)} lines are cut off or damaged and are dropped")
        atomic_write(path, b"".join(map(_line, kept)))
    return kept


def _parse(line: bytes) -> Entry | None:
    stated, _, text = line.partition(b" ")
    if not text.endswith(b"\n") or xxhash.xxh3_128_hexdigest(text[:-1]).encode() != stated:
        return None
    try:
        return ENTRY.validate_json(text)
    except ValidationError:
        return None


def _consistent(entries: Sequence[Entry]) -> list[Entry]:
    """The entries of seeds whose start is known: without it, nobody knows which fit the scores came from."""
    started = {entry.seed for entry in entries if isinstance(entry, StartEntry)}
    return [entry for entry in entries if entry.seed in started]


def _read_record(path: Path, facts: Mapping[str, Any]) -> _RunRecord | None:
    data = read_checked(path)
    if data is None:
        return None
    try:
        record = _RunRecord.model_validate_json(data)
    except ValidationError:
        return None
    return record if record.facts == dict(facts) else None


def _check_owner(folder: Path) -> None:
    try:
        owner = json.loads((folder / "owner.json").read_text("utf-8"))
        process = psutil.Process(owner["pid"])
        alive = abs(process.create_time() - owner["started"]) < 1 and process.pid != os.getpid()
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return
    if alive:
        raise BadInput(f"process {owner['pid']} is running this evaluation; wait for it, or stop it")
