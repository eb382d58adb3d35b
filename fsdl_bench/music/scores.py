"""Convert scores (MusicXML, MEI, Humdrum **kern) to MIDI with verovio, once per file, in a cache.

verovio is native code that can crash or stall, and a large score takes it half a minute. So conversion runs
before reading, in worker processes that may die. Its outcome is cached under the SHA-256 of the score:
`converted/<sha256>.mid`, or `<sha256>.failed` with the reason, so that no score is tried twice; see
`fsdl_bench.music.conversions`.

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
from fsdl_bench.music.conversions import conversion, intact, keep
from fsdl_bench.progress import bar, note

SUFFIXES: Final = (".mxl", ".musicxml", ".xml", ".mei", ".krn")
TIME_LIMIT: Final = 600.0
"""Seconds for one score: far above the time of the slowest good one, so that a track does not depend on the
machine's speed."""

CRASHED, TIMED_OUT, FAILED = "conversion crashed", "conversion timed out", "conversion failed"
_OPTIONS: Final = {"breaks": "none", "expandNever": True}


def score_to_midi(data: bytes) -> bytes:
    """Return the MIDI file that `convert_scores` made of a score.

    Raises:
        Rejected: the conversion failed when it was tried, for one of the reasons above.
        LookupError: there is no intact conversion; call `convert_scores` first.
    """
    path = _cached(data)
    if (midi := intact(path)) is not None:
        return midi
    if failure := _failure(path):
        raise Rejected(*failure)
    raise LookupError(f"no intact conversion of this score in {path.parent}: call convert_scores() first")


def convert_scores(
    paths: Sequence[str],
    read: Callable[[str], bytes],
    *,
    workers: int,
    progress: bool = True,
    time_limit: float = TIME_LIMIT,
) -> Counter[str]:
    """Convert the scores that the cache does not hold, or holds damaged.

    Args:
        paths: the scores; the suffix tells the format (`SUFFIXES`).
        read: returns the bytes at a path; a score for which it raises `Rejected` is skipped.
        workers: processes; at least one is started, because a conversion may crash.
        progress: show a bar on stderr.
        time_limit: seconds for one score.

    Returns:
        How many were "cached", "converted", or failed, by reason; "damaged" counts files converted again.

    Raises:
        BadInput: scores have to be converted, and verovio is not installed.
    """
    from fsdl_bench.engine import Failure, run

    outcomes: Counter[str] = Counter()
    missing: list[tuple[str, Path]] = []
    for path in paths:
        try:
            cached = _cached(read(path))
        except Rejected:
            continue
        if intact(cached) is not None or _failure(cached):
            outcomes["cached"] += 1
            continue
        if cached.exists():
            note(f"{cached} is damaged or has no checksum; the score is converted again", progress)
            cached.unlink()
            outcomes["damaged"] += 1
        missing.append((path, cached))
    if not missing:
        return outcomes
    _require_verovio(len(missing), missing[0][1].parent)
    tasks = ((path.lower().endswith(".krn"), read(path)) for path, _ in missing)
    results = run(_convert, tasks, workers=max(1, workers), timeout=time_limit)
    pairs = zip(missing, results, strict=True)
    for (_, cached), result in bar("converting scores", "score", progress, pairs, total=len(missing)):
        if isinstance(result, bytes):
            keep(cached, result)
            outcomes["converted"] += 1
            continue
        if isinstance(result, Failure):
            result = (CRASHED if result.reason == "crashed" else TIMED_OUT, result.detail)
        record = {"reason": result[0], "detail": result[1], "verovio": version()}
        keep(cached.with_suffix(".failed"), json.dumps(record).encode())
        outcomes[result[0]] += 1
    return outcomes


def _convert(task: tuple[bool, bytes]) -> bytes | tuple[str, str]:
    """Return the MIDI file, or reason and detail. Runs in a separate process."""
    import verovio

    is_kern, data = task
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions(_OPTIONS)
    with silent():
        try:
            if data.startswith(b"PK"):
                loaded = toolkit.loadZipDataBase64(base64.b64encode(data).decode())
            else:
                toolkit.setInputFrom("humdrum" if is_kern else "auto")
                utf_16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
                loaded = toolkit.loadData(data.decode("utf-16" if utf_16 else "utf-8-sig"))
        except UnicodeDecodeError as error:
            return FAILED, f"not {error.encoding} at byte {error.start}"
        if not loaded:
            return FAILED, "verovio could not load it"
        midi = base64.b64decode(toolkit.renderToMIDI())
    return midi if midi.startswith(b"MThd") else (FAILED, "verovio made no MIDI of it")


@contextmanager
def silent() -> Iterator[None]:
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
    return conversion(f"{hashlib.sha256(data).hexdigest()}.mid")


def _failure(cached: Path) -> tuple[str, str] | None:
    """Return why this score could not be converted, if this version of verovio has tried."""
    data = intact(cached.with_suffix(".failed"))
    if data is None:
        return None
    record: dict[str, Any] = json.loads(data)
    return (record["reason"], record["detail"]) if record["verovio"] == version() else None


def version() -> str:
    """The version of verovio that is installed; empty if there is none."""
    from importlib import metadata

    try:
        return metadata.version("verovio")
    except metadata.PackageNotFoundError:
        return ""


def _require_verovio(number: int, folder: Path) -> None:
    if not version():
        raise BadInput(
            f"{number} scores have no intact MIDI in {folder}, and verovio is not installed: "
            "pip install 'fsdl-bench[scores]', or run again with --mirror and a folder that has the archive "
            "of conversions"
        )
