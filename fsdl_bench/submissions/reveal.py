"""Reveal scoring, the harness's side: token t is sent only after the scores for t have arrived.

    with session.cell(support, seed) as cell:
        scores = cell.reveal(songs)          several songs in lock-step: float [B, T, V]
        cell.observe(song)                   in the streaming protocol

Each cell is adapted and scored in a process that has met no other cell. On the CPU of a system with `fork` it
is a copy of one process that has loaded the submission and its fit; elsewhere a new process loads them again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import Pipe, reduction
from multiprocessing.connection import Connection

import numpy as np
import numpy.typing as npt
import torch

from fsdl_bench.codecs.base import BOS, Tokens
from fsdl_bench.errors import BadInput
from fsdl_bench.padding import pad
from fsdl_bench.submissions.box import OpenedChild
from fsdl_bench.submissions.checking import ContractError
from fsdl_bench.submissions.context import FitContext
from fsdl_bench.submissions.setup import Setup
from fsdl_bench.submissions.stored import Record
from fsdl_bench.submissions.wire import (
    CALL_SECONDS,
    dtype_of,
    limit_waiting,
    read_answer,
    receive,
    wait_for_answer,
)

Step = Callable[..., torch.Tensor]
"""step(tokens int64 [B], into: float [B, V] or None) -> float [B, V]: the scores after these tokens."""

FORKED = "each cell in a fork of a process that has met no cell"
FRESH = "each cell in a fresh process"


class RevealSession(OpenedChild):
    """A submission that is loaded once and adapted once for each cell, in a process of the cell's own.

    Args:
        setup, context, record: as for `OpenedChild`.
        threads: of torch, in each cell.
    """

    def __init__(self, setup: Setup, context: FitContext, record: Record | None, threads: int = 1) -> None:
        self._forks = hasattr(os, "fork") and context.device.type == "cpu"
        self.where = FORKED if self._forks else FRESH
        self._cell_threads = threads
        # A forked process must not inherit threads of OpenMP, so the process that forks has one.
        super().__init__(setup, context, record, 1 if self._forks else threads)
        self.layers: tuple[str, ...] = self._child.layers

    @contextmanager
    def cell(self, support: Sequence[Tokens], seed: int) -> Iterator[CellProcess]:
        """Adapt to a support in a process of the cell's own; the process ends with the block.

        Raises:
            RuleBreach, BadInput: as the submission's process says, or it ends unexpectedly.
        """
        here, there = Pipe()
        limit_waiting(here, CALL_SECONDS)
        self._child.send("cell", self._cell_threads, self._forks)
        with there:
            reduction.send_handle(self._child.line, there.fileno(), self._child.pid)
        cell = CellProcess(here, self._vocab_size)
        try:
            cell.adapt(support, seed)
            yield cell
        finally:
            here.close()
            with suppress(BadInput):
                self._child.send("end")
                layers = tuple(map(str, self._child.answer()["layers"]))
                self.layers = tuple(dict.fromkeys((*self._child.layers, *layers)))
        if not self._forks:
            self._child.close()
            self._child, self.facts = self._open()


class CellProcess:
    """The process of one cell, after it has adapted to the support.

    Attributes:
        adapt_seconds: how long adapting took, measured by the harness.
        score_seconds: how long scoring has taken so far, likewise.
    """

    def __init__(self, line: Connection, vocab_size: int) -> None:
        self._line, self._vocab_size = line, vocab_size
        self.adapt_seconds = self.score_seconds = 0.0

    def adapt(self, support: Sequence[Tokens], seed: int) -> None:
        """Adapt to the support."""
        with self._talking():
            wait_for_answer(self._line, CALL_SECONDS)
            read_answer(self._line)  # the process is ready
        start = time.perf_counter()
        self._ask("adapt", tuple(support), seed)
        self.adapt_seconds = time.perf_counter() - start

    def observe(self, song: Tokens) -> None:
        """Hand over a scored song."""
        self._ask("observe", song)

    def reveal(self, songs: Sequence[Tokens]) -> torch.Tensor:
        """Score songs token by token, in lock-step; return float [B, T, V], T the longest song.

        A song that has ended receives PAD; its rows after the end mean nothing.

        Raises:
            RuleBreach, BadInput: as the submission's process says, or it ends unexpectedly.
        """
        batch = pad(songs)
        count, longest = batch.shape
        inputs = torch.cat([batch.new_full((count, 1), BOS), batch[:, :-1]], dim=1).T.contiguous().numpy()
        rows: torch.Tensor | None = None
        with self.stream(count) as step:
            for t in range(longest):
                scores = step(inputs[t], None if rows is None else rows[t])
                if rows is None:
                    rows = torch.empty(longest, *scores.shape, dtype=scores.dtype)
                    rows[0] = scores
        assert rows is not None, "a song has at least one token"
        return rows.transpose(0, 1)

    @contextmanager
    def stream(self, songs: int) -> Iterator[Step]:
        """Begin new songs; yields a function that reveals one token of each and returns their next scores.

        Args:
            songs: B.

        Raises:
            RuleBreach, BadInput: as the submission's process says, or it ends unexpectedly.
        """
        start = time.perf_counter()
        dtype: torch.dtype | None = None

        def step(tokens: npt.NDArray[np.int64], into: torch.Tensor | None = None) -> torch.Tensor:
            nonlocal dtype
            self._line.send_bytes(tokens.tobytes())
            wait_for_answer(self._line, CALL_SECONDS)
            if dtype is None:
                dtype = dtype_of(read_answer(self._line))
                wait_for_answer(self._line, CALL_SECONDS)
            scores = torch.empty(songs, self._vocab_size, dtype=dtype) if into is None else into
            receive(self._line, scores)
            return scores

        with self._talking():
            self._line.send(("reveal", songs))
            yield step
            self._line.send_bytes(b"")
        self.score_seconds += time.perf_counter() - start

    def _ask(self, *request: object) -> None:
        with self._talking():
            self._line.send(request)
            wait_for_answer(self._line, CALL_SECONDS)
            read_answer(self._line)

    @contextmanager
    def _talking(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, OSError) as error:
            reason = "" if isinstance(error, (EOFError, ConnectionError)) else f": {error}"
            raise ContractError(f"the submission's process ended unexpectedly{reason}") from None
