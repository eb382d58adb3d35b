"""A synthetic track that nobody has seen: the same kind of songs, drawn with a secret seed.

The test songs of the published tracks are public, so they can be inside a submission's weights. No scorer can
see that. On a fresh track there is nothing to know beforehand: the submission is fitted on the fresh
meta-training songs, and its distance to the Bayes-optimal predictor shows what it can really learn.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fsdl_bench.builder.pipeline import build_track
from fsdl_bench.evaluation.runner import evaluate
from fsdl_bench.paths import tracks_dir
from fsdl_bench.results import Result, StoredResult
from fsdl_bench.songs import Kind
from fsdl_bench.tracks.definition import TrackDefinition, load_definition


def fresh_definition(kind: Kind, secret: str) -> TrackDefinition:
    """Return the definition of the synthetic track of a kind, with songs drawn from a secret."""
    frozen = load_definition(f"{kind}-synthetic")
    sources = [source.model_copy(update={"options": {"secret": secret}}) for source in frozen.sources]
    return frozen.model_copy(update={"name": f"{kind}-fresh", "digest": "", "sources": sources})


@contextmanager
def fresh_track(kind: Kind, secret: str = "", *, progress: bool = True) -> Iterator[Path]:
    """Build a fresh track in a folder that is removed afterwards.

    Args:
        kind: of its songs.
        secret: the seed; a new one from the operating system by default.
        progress: show progress bars.
    """
    tracks_dir().mkdir(parents=True, exist_ok=True)
    # Among the tracks, so that it is sealed like them.
    with tempfile.TemporaryDirectory(prefix=".fresh-", dir=tracks_dir()) as folder:
        out = Path(folder, f"{kind}-fresh")
        build_track(fresh_definition(kind, secret or secrets.token_hex(16)), out=out, progress=progress)
        yield out


def evaluate_fresh(submission: str, kind: Kind, *, secret: str = "", **options: Any) -> StoredResult:
    """Evaluate a submission with reveal scoring on a fresh track.

    Args:
        submission: as for `evaluate`.
        kind: of the songs.
        secret: as for `fresh_track`.
        options: of `evaluate`: settings, out, workers, name, progress.
    """
    with fresh_track(kind, secret, progress=options.get("progress", True)) as track:
        return evaluate(submission, track, verified=True, **options)


def suspicious(stated: Result, fresh: Result) -> str:
    """Return why a result on a published synthetic track is too good beside the fresh one; "" if it is not.

    It is too good if at some number of shots its interval of the distance to the optimum is below that on
    the fresh track.
    """
    on_fresh = {shot.shots: shot.to_optimum for shot in fresh.aggregates.shots}
    for shot in stated.aggregates.shots:
        here, there = shot.to_optimum, on_fresh.get(shot.shots)
        if here and there and here.high is not None and there.low is not None and here.high < there.low:
            return (
                f"at {shot.shots} shots it is {here.text()} above the optimum on {stated.track.name}, but "
                f"{there.text()} on songs that nobody has seen"
            )
    return ""
