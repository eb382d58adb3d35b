"""The child's side of `process`: load the submission, call it, answer in JSON and raw bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from multiprocessing import reduction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from fsdl_bench.submissions.cell import become_zygote, run_cell, serve_cell
from fsdl_bench.submissions.checking import check_submission
from fsdl_bench.submissions.context import FitContext
from fsdl_bench.submissions.contract import SupportsFit
from fsdl_bench.submissions.fitting import FIT, restore, run_fit
from fsdl_bench.submissions.loading import LoadedSubmission, load_submission
from fsdl_bench.submissions.session import LocalSession
from fsdl_bench.submissions.stored import save
from fsdl_bench.submissions.wire import answer, failure
from fsdl_bench.tracks.split import Split


def serve(line: Connection, *, locked: bool) -> None:
    """Answer requests until the harness hangs up."""
    become_zygote()
    child = _Child(line, locked)
    while True:
        try:
            name, *arguments = line.recv()
        except (EOFError, ConnectionError):
            return
        request: Callable[..., None] = getattr(child, f"on_{name}")
        try:
            request(*arguments)
        except Exception as error:  # noqa: BLE001 (whatever the submission raises is told to the harness)
            failure(line, error)


class _Child:
    """Answers the harness's requests; a request is the name of a method without `on_`."""

    def __init__(self, line: Connection, locked: bool) -> None:
        self._line, self._locked = line, locked
        self._loaded: LoadedSubmission
        self._session: LocalSession

    def on_start(
        self,
        spec: str,
        settings: tuple[str, ...],
        visible: tuple[Path, ...] | None,
        ignored: tuple[Path, ...],
        threads: int,
    ) -> None:
        torch.set_num_threads(threads)
        self._loaded = load_submission(spec, settings)
        if visible is not None:
            self._loaded.tracker.only(*visible)
        self._loaded.tracker.ignore(Path.cwd(), *ignored)
        answer(self._line)

    def on_describe(self, spec: str, settings: tuple[str, ...]) -> None:
        loaded = load_submission(spec, settings)
        arguments = {name: one._asdict() for name, one in loaded.arguments.items()}
        answer(self._line, name=loaded.name, file=str(loaded.file), arguments=arguments)

    def on_open(self, stored: Path | None, context: FitContext) -> None:
        tracker = self._loaded.tracker
        submission = self._loaded.construct() if stored is None else restore(stored, context.device, tracker)
        self._session = LocalSession(submission, context, tracker=tracker)
        answer(self._line, facts=asdict(self._session.facts))

    def on_fit(self, folder: Path, splits: tuple[Split, Split], context: FitContext) -> None:
        submission = self._loaded.construct()
        check_submission(submission)
        if isinstance(submission, SupportsFit):
            spent = run_fit(submission, splits, context, self._loaded.tracker)
            save(submission, folder / FIT, spent, self._loaded.tracker)
        answer(self._line, fits=isinstance(submission, SupportsFit))

    def on_inputs(self) -> None:
        answer(self._line, inputs=[one.model_dump() for one in self._session.new_inputs()])

    def on_adapt(self, support: Any, seed: int) -> None:
        self._session.adapt(support, seed)
        answer(self._line)

    def on_scores(self, songs: Any) -> None:
        self._send(self._session.scores(songs))

    def on_nats(self, songs: Any) -> None:
        self._send(self._session.nats(songs))

    def on_stream(self, song: Any) -> None:
        scores = self._session.stream_scores(song)
        answer(self._line, offered=scores is not None)
        if scores is not None:
            self._send(scores)

    def on_cell(self, threads: int, forks: bool) -> None:
        cell = Connection(reduction.recv_handle(self._line))
        layers: list[str] = []
        if forks:
            layers = run_cell(self._line, cell, self._session, threads=threads, locked=self._locked)
        else:
            answer(cell)
            serve_cell(cell, self._session)
        self._line.recv()  # "end"
        answer(self._line, layers=layers)

    def on_observe(self, song: Any) -> None:
        self._session.observe(song)
        answer(self._line)

    def _send(self, scores: torch.Tensor) -> None:
        plain = scores.to("cpu").contiguous()
        answer(self._line, dtype=str(plain.dtype).removeprefix("torch."))
        self._line.send_bytes(plain.view(torch.uint8).numpy().reshape(-1).data)
