"""Answers of a submission's process: JSON from the child, checked by the harness, never unpickled."""

from __future__ import annotations

import json
import os
import socket
import struct
import traceback
from multiprocessing.connection import Connection
from typing import Any

import torch

from fsdl_bench.errors import BadInput, RuleBreach
from fsdl_bench.submissions.checking import FLOATS, ContractError

CALL_SECONDS = 1800.0
"""The longest time that a submission may take for one answer while it is scored."""

LONGEST = 1 << 20
"""Bytes of the longest JSON answer."""


def answer(line: Connection, **facts: Any) -> None:
    """Send an answer to the harness."""
    line.send_bytes(json.dumps(facts).encode())


def failure(line: Connection, error: Exception) -> None:
    """Tell the harness that a request failed."""
    if isinstance(error, RuleBreach):
        answer(line, error=error.detail, rule=error.rule)
    elif isinstance(error, BadInput):
        answer(line, error=str(error))
    else:
        answer(line, error=f"the submission failed:\n{''.join(traceback.format_exception(error))}")


def limit_waiting(line: Connection, seconds: float) -> None:
    """Let a message that stops in its middle be an `OSError` after so many seconds."""
    with socket.socket(fileno=os.dup(line.fileno())) as same:
        whole = int(seconds)
        limit = struct.pack("@ll", whole, int(1e6 * (seconds - whole)))
        same.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)


def wait_for_answer(line: Connection, seconds: float | None) -> None:
    """Wait until something arrives, or the process ends; for as long as it takes if `seconds` is None.

    Raises:
        BadInput: nothing arrived for that long.
    """
    if not line.poll(seconds):
        raise BadInput(f"the submission's process did not answer for {seconds:g} s; the run is stopped")


def read_answer(line: Connection) -> dict[str, Any]:
    """Wait for an answer, and return it.

    Raises:
        EOFError, OSError: the process has ended.
        ContractError: it sent something else.
        RuleBreach, BadInput: it says that the request failed.
    """
    data = line.recv_bytes(LONGEST)
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise ContractError(
            f"the submission's process sent {len(data):,} bytes that are no JSON: {data[:60]!r}"
        ) from None
    if not isinstance(found, dict):
        raise ContractError("the submission's process answered out of turn")
    if "error" in found:
        message = str(found["error"])
        if found.get("rule"):
            raise RuleBreach(str(found["rule"]), message)
        raise BadInput(message)
    return found


def dtype_of(facts: dict[str, Any]) -> torch.dtype:
    """Return the floating-point type that an answer announces.

    Raises:
        ContractError: it announces no such type.
    """
    dtype = getattr(torch, str(facts.get("dtype")), None)
    if dtype not in FLOATS:
        raise ContractError(f"the submission's process announced {facts}; expected a floating-point type")
    return dtype  # type: ignore[no-any-return]


def receive(line: Connection, into: torch.Tensor) -> None:
    """Fill a contiguous tensor with the next message.

    Raises:
        ContractError: the message has another length.
    """
    buffer = into.view(torch.uint8).numpy().reshape(-1)
    data = line.recv_bytes(buffer.nbytes + 4096)
    if len(data) != buffer.nbytes:
        raise ContractError(
            f"the submission's process sent {len(data):,} bytes; expected {buffer.nbytes:,} for "
            f"{str(into.dtype).removeprefix('torch.')} {list(into.shape)}"
        )
    buffer.data.cast("B")[:] = data
