"""The pydantic base of every record that is written to a file and read back, and the plain values in it."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict

Plain: TypeAlias = str | int | float | bool | None


class Frozen(BaseModel):
    """An immutable record. Unknown fields, values of another type, nan and inf are refused."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


def plain(value: Any) -> Plain:
    """Return a value that JSON can write: a number, a text, or the text of anything else."""
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):  # of numpy or torch
        value = value.item()
    finite = not isinstance(value, float) or math.isfinite(value)  # JSON has no other numbers
    return value if isinstance(value, str | int | float | bool | None) and finite else str(value)
