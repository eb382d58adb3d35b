"""Convert LilyPond source to MIDI with LilyPond, once per piece, in a cache.

A piece is a set of files that include each other; its `mains` are compiled, see `fsdl_bench.music.compiling`.
The outcome is cached as `converted/<sha256 of all input>.zip`; see `fsdl_bench.music.conversions`. It holds
`<main>/<number>.mid` for every score, and `failed.json` with the mains that gave none and why. Where no
bubblewrap works, `FSDL_BENCH_SANDBOX=none` allows compiling without a wall.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fsdl_bench import bubblewrap
from fsdl_bench.errors import BadInput
from fsdl_bench.music.compiling import Compiled, Piece, compile_batch, version
from fsdl_bench.music.conversions import intact, keep
from fsdl_bench.progress import bar

TIME_LIMIT: Final = 300.0
"""Seconds for one main file: far above the time of the slowest good one."""

_BATCH: Final = 16
"""Files that are compiled together."""


def compiled(place: Path) -> Compiled | None:
    """Return the conversion at a piece's `place`; None if there is no intact one."""
    data = intact(place)
    if data is None:
        return None
    midi: dict[str, list[bytes]] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in sorted(set(archive.namelist()) - {"failed.json"}):
            midi.setdefault(name.rpartition("/")[0], []).append(archive.read(name))
        return Compiled(midi, json.loads(archive.read("failed.json")))


def compile_pieces(
    pieces: Sequence[Piece], *, workers: int, progress: bool = True, time_limit: float = TIME_LIMIT
) -> Counter[str]:
    """Compile the pieces that the cache does not hold.

    Args:
        pieces: the pieces.
        workers: processes that compile at the same time; at least one is started.
        progress: show a bar on stderr.
        time_limit: seconds for one main file.

    Returns:
        How many pieces were "cached", how many mains were "converted" and how many "failed".

    Raises:
        BadInput: pieces have to be compiled, and LilyPond is not installed or bubblewrap does not work here.
    """
    from fsdl_bench.engine import Failure, run

    missing = [piece for piece in pieces if compiled(piece.place) is None]
    outcomes: Counter[str] = Counter(cached=len(pieces) - len(missing))
    if not missing:
        return outcomes
    _require(len(missing))
    batches = _batches(missing)
    with bar("compiling LilyPond", "piece", progress, total=len(missing)) as shown:
        tasks = ((batch, time_limit) for batch in batches)
        for batch, results in zip(batches, run(compile_batch, tasks, workers=max(1, workers)), strict=True):
            if isinstance(results, Failure):
                why = f"{results.reason}: {results.detail}"
                results = [Compiled({}, dict.fromkeys(piece.mains, why)) for piece in batch]
            for piece, result in zip(batch, results, strict=True):
                keep(piece.place, _packed(result))
                outcomes["converted"] += len(result.midi)
                outcomes["failed"] += len(result.failed)
            shown.update(len(batch))
    return outcomes


def _packed(result: Compiled) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("failed.json", json.dumps(result.failed))
        for main, files in sorted(result.midi.items()):
            for number, data in enumerate(files):
                archive.writestr(f"{main}/{number:04d}.mid", data)
    return held.getvalue()


def _batches(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Return the pieces in groups of about `_BATCH` files to compile."""
    batches: list[list[Piece]] = [[]]
    for piece in pieces:
        if sum(len(one.mains) for one in batches[-1]) >= _BATCH:
            batches.append([])
        batches[-1].append(piece)
    return batches


def _require(number: int) -> None:
    if not version():
        raise BadInput(
            f"{number} pieces of LilyPond have no intact MIDI, and LilyPond is not installed: "
            "pip install 'fsdl-bench[lilypond]'"
        )
    if not bubblewrap.program() and os.environ.get("FSDL_BENCH_SANDBOX") != "none":
        raise BadInput(
            f"{number} pieces have to be compiled by LilyPond, which runs the code in them, and bubblewrap "
            "does not work here. Use Linux with user namespaces, or set FSDL_BENCH_SANDBOX=none to do without"
        )
