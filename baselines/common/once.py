"""A part that several submissions need, such as one trained LSTM: made by the first, found by the others.

    place = <folder of all fits> / BLAKE2b(settings, source files that make it, the track's digest, the seed)

It lies beside the fits that the harness keeps and under the same kind of key, so it can never be out of date;
deleting it costs a training and nothing else. In a process that is locked into its own folder (`--isolate`)
each submission makes its own.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

import torch

from fsdl_bench import FitContext

Part = TypeVar("Part")


def made_once(
    make: Callable[[FitContext], Part],
    settings: Mapping[str, object],
    modules: Sequence[str],
    context: FitContext,
) -> Part:
    """What `make` returns, from the store if it is there.

    Args:
        make: called with a context whose checkpoints lie in the shared place, so that whoever comes next also
            goes on with a training that was interrupted. It sees the random generators set from the seed.
        settings: everything that the part depends on and that JSON can write.
        modules: names of the modules that `make` is written in.
        context: of the fit that asks.
    """
    sources = [blake2b(Path(str(sys.modules[name].__file__)).read_bytes()).hexdigest() for name in modules]
    facts = json.dumps([dict(settings), sources, context.digest, context.seed], sort_keys=True)
    folder = context.checkpoints.parents[1] / blake2b(facts.encode(), digest_size=16).hexdigest()
    place = folder / "part.pt"
    try:
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        if not place.exists():
            part = _seeded(make, replace(context, checkpoints=folder / "checkpoints"))
            temporary = place.with_suffix(f".{os.getpid()}.part")
            torch.save(part, temporary)
            temporary.replace(place)
        return torch.load(place, map_location=context.device, weights_only=False)
    except PermissionError:
        return _seeded(make, context)


def _seeded(make: Callable[[FitContext], Part], context: FitContext) -> Part:
    """So the part does not depend on what was drawn before, nor later draws on whether it was found."""
    with torch.random.fork_rng():
        torch.manual_seed(context.seed)
        return make(context)
