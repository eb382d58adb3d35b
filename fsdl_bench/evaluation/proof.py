"""The proof of a verified run: query songs are restored from bits, with nothing but the supports."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from hashlib import blake2b

import numpy as np

from fsdl_bench.codecs.base import Tokens
from fsdl_bench.errors import RuleBreach
from fsdl_bench.evaluation.cells import Cell
from fsdl_bench.evaluation.compression import decode, encode
from fsdl_bench.evaluation.plan import Task
from fsdl_bench.results import Compression
from fsdl_bench.submissions.reveal import CellProcess, RevealSession

TOKENS = 16_000
CELLS = 64
"""The sample has so many tokens, or so many cells: enough for the coder's ends to weigh less than 0.1 %."""


def prove(task: Task, session: RevealSession, seed: int) -> Compression:
    """Compress the query songs of a frozen sample of cells, and restore them in processes of their own.

    Args:
        task: the run.
        session: the submission, fitted with the seed.
        seed: of the fit.

    Raises:
        RuleBreach: other songs were restored, or the size is not what the scores promise.
        BadInput: constriction is not installed, or a process fails.
    """
    cells = sample(task.cells)
    with closing(_adapted(session, cells, seed)) as first:
        compressed = encode(((process, cell.queries) for cell, process in first), task.codec)
    with closing(_adapted(session, cells, seed)) as second:
        counted = ((process, len(cell.queries)) for cell, process in second)
        again = decode(counted, compressed, task.codec)
    for cell, songs in zip(cells, again, strict=True):
        for name, song, restored in zip(cell.names, cell.queries, songs, strict=True):
            if not np.array_equal(song, restored):
                at = _first_difference(song, restored)
                raise RuleBreach(
                    "compression",
                    f"In {name}: token {at} was not restored from the bits. The scores of a second process "
                    "differ from those of the first: they are random, or depend on something else than the "
                    "support and the song so far.",
                )
    if not compressed.tight:
        raise RuleBreach(
            "compression",
            f"{compressed.bits:,} bits were needed for songs of {compressed.ideal:,.0f} bits under the model",
        )
    return Compression(
        cells=len(cells),
        songs=sum(len(cell.queries) for cell in cells),
        bits=compressed.bits,
        ideal=compressed.ideal,
    )


def sample(cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells of the sample: of those with the most shots, the ones with the lowest hashes."""
    most = max(cell.shots for cell in cells if cell.condition == "right")
    own = [cell for cell in cells if cell.condition == "right" and cell.shots == most]
    chosen: list[Cell] = []
    for cell in sorted(own, key=_hash)[:CELLS]:
        chosen.append(cell)
        if sum(len(song) for one in chosen for song in one.queries) >= TOKENS:
            break
    return chosen


def _hash(cell: Cell) -> bytes:
    return blake2b(f"compression/{cell.episode.artist}/{cell.episode.index}".encode()).digest()


def _adapted(session: RevealSession, cells: Sequence[Cell], seed: int) -> Generator[tuple[Cell, CellProcess]]:
    """Each cell with a process that has adapted to its support; the process ends when the next one starts."""
    for cell in cells:
        support = () if session.facts.ignores_support else cell.support
        with session.cell(support, cell.seed(seed)) as process:
            yield cell, process


def _first_difference(one: Tokens, two: Tokens) -> int:
    common = min(len(one), len(two))
    differing = np.flatnonzero(one[:common] != two[:common])
    return int(differing[0]) if len(differing) else common
