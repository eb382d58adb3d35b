"""The other side of `isolation`: the process that the submission runs in.

It answers in JSON, and scores as raw bytes after it; nothing that it sends is ever unpickled.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from fsdl_bench.errors import BadInput, RuleBreach
from fsdl_bench.submissions.checking import check_submission
from fsdl_bench.submissions.contract import FitContext, SupportsFit
from fsdl_bench.submissions.fitting import restore, run_fit, store
from fsdl_bench.submissions.loading import load_submission
from fsdl_bench.submissions.session import LocalSession


def serve(line: Connection) -> None:
    """Answer requests until the harness hangs up."""
    child = _Child(line)
    while True:
        try:
            name, *arguments = line.recv()
        except (EOFError, ConnectionError):
            return
        request: Callable[..., None] = getattr(child, f"on_{name}")
        try:
            request(*arguments)
        except RuleBreach as breach:
            _answer(line, error=breach.detail, rule=breach.rule)
        except BadInput as error:
            _answer(line, error=str(error))
        except Exception:  # noqa: BLE001 (whatever the submission raises is told to the harness)
            _answer(line, error=f"the submission failed:\n{traceback.format_exc()}")


class _Child:
    def __init__(self, line: Connection) -> None:
        self._line = line
        self._session: LocalSession

    def on_open(
        self, spec: str, settings: tuple[str, ...], stored: Path | None, context: FitContext, threads: int
    ) -> None:
        torch.set_num_threads(threads)
        loaded = load_submission(spec, settings)
        submission = loaded.construct() if stored is None else restore(stored, context.device)
        self._session = LocalSession(submission, context)
        facts = asdict(self._session.facts)
        precision = facts["precision"]
        _answer(self._line, **facts | {"precision": precision and str(precision).removeprefix("torch.")})

    def on_fit(
        self,
        spec: str,
        settings: tuple[str, ...],
        stored: Path,
        splits: Any,
        context: FitContext,
        threads: int,
    ) -> None:
        torch.set_num_threads(threads)
        submission = load_submission(spec, settings).construct()
        check_submission(submission)
        if isinstance(submission, SupportsFit):
            store(submission, stored, run_fit(submission, splits, context, ()))
        _answer(self._line, fits=isinstance(submission, SupportsFit))

    def on_adapt(self, support: Any, seed: int) -> None:
        _answer(self._line, seconds=self._session.adapt(support, seed))

    def on_scores(self, songs: Any) -> None:
        self._send(self._session.scores(songs))

    def on_stream(self, song: Any) -> None:
        scores = self._session.stream_scores(song)
        _answer(self._line, offered=scores is not None)
        if scores is not None:
            self._send(scores)

    def on_observe(self, song: Any) -> None:
        self._session.observe(song)
        _answer(self._line)

    def _send(self, scores: torch.Tensor) -> None:
        plain = scores.to("cpu").contiguous()
        _answer(self._line, dtype=str(plain.dtype).removeprefix("torch."), shape=list(plain.shape))
        self._line.send_bytes(plain.view(torch.uint8).numpy().reshape(-1).data)


def _answer(line: Connection, **answer: Any) -> None:
    line.send_bytes(json.dumps(answer).encode())
