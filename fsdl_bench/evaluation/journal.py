"""The journal of a run: what was scored so far, one JSON line a cell, so that a killed run can go on.

It lies under `FSDL_BENCH_HOME/runs/<key>`, where the key covers everything that the scores depend on, and is
removed when the result is written. A line that a kill has cut off is dropped and its cell scored again.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

import psutil

from fsdl_bench.errors import BadInput
from fsdl_bench.paths import atomic_write, home


class Journal:
    """The journal of one run; use `with open_journal(...)`.

    Attributes:
        folder: where it lies.
        audit_seed: the seed of the run's audits, drawn once.
        entries: what is written so far, in order.
    """

    def __init__(self, folder: Path, audit_seed: int, entries: list[dict[str, Any]]) -> None:
        self.folder = folder
        self.audit_seed = audit_seed
        self.entries = entries
        self._stream = (folder / "entries.jsonl").open("a", encoding="utf-8")

    def append(self, entry: dict[str, Any]) -> None:
        """Write one entry; it is on its way to the disk when this returns."""
        self._stream.write(json.dumps(entry, separators=(",", ":")) + "\n")
        self._stream.flush()
        self.entries.append(entry)

    def discard(self) -> None:
        """Remove the journal: the run is complete. Without this it stays for a later run to go on with."""
        self._stream.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()
        (self.folder / "owner.json").unlink(missing_ok=True)


def open_journal(facts: Mapping[str, Any], resume: bool | None) -> Journal:
    """The journal of the run that these facts describe.

    Args:
        facts: everything that the run's scores depend on.
        resume: True goes on with what is there, if anything; False starts anew; None starts only where
            nothing is there.

    Raises:
        BadInput: the run is under way in another process, or an unfinished one is there and `resume` is None.
    """
    text = json.dumps(facts, sort_keys=True)
    folder = home() / "runs" / blake2b(text.encode(), digest_size=12).hexdigest()
    _check_owner(folder)
    entries = _read(folder / "entries.jsonl")
    if entries and resume is None:
        raise BadInput(
            f"an unfinished run of this evaluation lies in {folder} ({len(entries)} cells are scored): "
            "--resume goes on with it, --restart starts anew"
        )
    if not entries or not resume:
        shutil.rmtree(folder, ignore_errors=True)
        atomic_write(folder / "run.json", json.dumps({"audit_seed": secrets.randbits(63), "facts": facts}))
        entries = []
    process = psutil.Process()
    atomic_write(folder / "owner.json", json.dumps({"pid": process.pid, "started": process.create_time()}))
    seed = int(json.loads((folder / "run.json").read_text())["audit_seed"])
    return Journal(folder, seed, entries)


def _read(path: Path) -> list[dict[str, Any]]:
    """The complete lines; a half-written one at the end is cut off the file."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    entries = []
    end = 0
    for line in data.splitlines(keepends=True):
        try:
            entry = json.loads(line) if line.endswith(b"\n") else None
        except ValueError:
            entry = None
        if entry is None:
            break
        entries.append(entry)
        end += len(line)
    if end < len(data):
        os.truncate(path, end)
    return entries


def _check_owner(folder: Path) -> None:
    try:
        owner = json.loads((folder / "owner.json").read_text())
        process = psutil.Process(owner["pid"])
        alive = abs(process.create_time() - owner["started"]) < 1 and process.pid != os.getpid()
    except (OSError, ValueError, KeyError, psutil.Error):
        return
    if alive:
        raise BadInput(f"this evaluation is under way in process {owner['pid']}; wait for it, or stop it")
