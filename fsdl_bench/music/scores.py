"""Scores to MIDI: MusicXML and Humdrum **kern through verovio, once per file, kept in a cache.

verovio is native code that can crash or stall, and a large score takes it half a minute. So conversion runs
ahead of reading, in worker processes that may die, and its outcome is kept under the SHA-256 of the score's
bytes: `converted/<sha256>.mid`, or `<sha256>.failed` with the reason, so that no score is tried twice.

Options: `breaks: none` (no page layout is computed) and `expandNever` (repeats are played as written once).
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from fsdl_bench.errors import BadInput, Rejected
from fsdl_bench.paths import atomic_write, home

SUFFIXES: Final = (".mxl", ".musicxml", ".xml", ".krn")
TIME_LIMIT: Final = 600.0
"""Seconds for one score. Far above what the slowest good one takes, so that a track does not depend on
the machine's speed."""

CRASHED, TIMED_OUT, FAILED = "conversion crashed", "conversion timed out", "conversion failed"
_OPTIONS: Final = {"breaks": "none", "expandNever": True}


def score_to_midi(data: bytes) -> bytes:
    """The MIDI file that `convert_scores` made of a score.

    Raises:
        Rejected: the conversion failed when it was tried, for one of the reasons above.
        LookupError: it was never tried; call `convert_scores` first.
    """
    path = _cached(data)
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    if failure := _failure(path):
        raise Rejected(*failure)
    raise LookupError(f"no conversion of this score in {path.parent}: convert_scores() has to run first")


def convert_scores(
    paths: Sequence[str],
    read: Callable[[str], bytes],
    *,
    workers: int,
    progress: bool = True,
    time_limit: float = TIME_LIMIT,
) -> Counter[str]:
    """Convert the scores that the cache lacks.

    Args:
        paths: the scores; the ending says which format (`SUFFIXES`).
        read: gives the bytes at a path; a score for which it raises `Rejected` is passed over.
        workers: processes; at least one is started, because a conversion may crash.
        progress: show a bar on stderr.
        time_limit: seconds for one score.

    Returns:
        How many were "cached", "converted", or failed, by reason.

    Raises:
        BadInput: scores have to be converted, and verovio is not installed.
    """
    from tqdm import tqdm

    from fsdl_bench.engine import Failure, run

    outcomes: Counter[str] = Counter()
    missing: list[tuple[str, Path]] = []
    for path in paths:
        try:
            cached = _cached(read(path))
        except Rejected:
            continue
        if cached.exists() or _failure(cached):
            outcomes["cached"] += 1
        else:
            missing.append((path, cached))
    if not missing:
        return outcomes
    _require_verovio(len(missing), missing[0][1].parent)
    tasks = ((path.lower().endswith(".krn"), read(path)) for path, _ in missing)
    results = run(_convert, tasks, workers=max(1, workers), timeout=time_limit)
    bar = tqdm(zip(missing, results, strict=True), "converting scores", len(missing), disable=not progress)
    for (_, cached), result in bar:
        if isinstance(result, bytes):
            atomic_write(cached, result)
            outcomes["converted"] += 1
            continue
        if isinstance(result, Failure):
            result = (CRASHED if result.reason == "crashed" else TIMED_OUT, result.detail)
        record = {"reason": result[0], "detail": result[1], "verovio": _version()}
        atomic_write(cached.with_suffix(".failed"), json.dumps(record))
        outcomes[result[0]] += 1
    return outcomes


def _convert(task: tuple[bool, bytes]) -> bytes | tuple[str, str]:
    """The MIDI file, or reason and detail. Runs in a process of its own."""
    import verovio

    is_kern, data = task
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions(_OPTIONS)
    with _silent():
        try:
            if data.startswith(b"PK"):
                loaded = toolkit.loadZipDataBase64(base64.b64encode(data).decode())
            else:
                toolkit.setInputFrom("humdrum" if is_kern else "auto")
                loaded = toolkit.loadData(data.decode("utf-8"))
        except UnicodeDecodeError as error:
            return FAILED, f"not UTF-8 at byte {error.start}"
        if not loaded:
            return FAILED, "verovio could not load it"
        midi = base64.b64decode(toolkit.renderToMIDI())
    return midi if midi.startswith(b"MThd") else (FAILED, "verovio made no MIDI of it")


@contextmanager
def _silent() -> Iterator[None]:
    """Keep what native code writes to stderr, past every log level, off the user's screen."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _cached(data: bytes) -> Path:
    return home() / "converted" / f"{hashlib.sha256(data).hexdigest()}.mid"


def _failure(cached: Path) -> tuple[str, str] | None:
    """Why this score could not be converted, if this version of verovio has tried."""
    try:
        record: dict[str, Any] = json.loads(cached.with_suffix(".failed").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return (record["reason"], record["detail"]) if record["verovio"] == _version() else None


def _version() -> str:
    """The version of verovio that is installed; empty where none is."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("verovio")
    except PackageNotFoundError:
        return ""


def _require_verovio(number: int, folder: Path) -> None:
    if not _version():
        raise BadInput(
            f"{number} scores have no MIDI in {folder} yet, and verovio is not installed: "
            "pip install 'fsdl-bench[scores]', or unpack an archive of conversions there"
        )
