"""Verify a result: run its submission with reveal scoring, and compare the nats song by song."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsdl_bench.errors import BadInput
from fsdl_bench.evaluation.runner import evaluate
from fsdl_bench.results import StoredResult, read_result

TOLERANCE = 1e-4
"""The largest difference that rounding explains, in nats per token of a song."""

SONG = ["seed", "condition", "shots", "artist", "episode", "song_id"]


@dataclass(frozen=True)
class Verification:
    """The outcome of `verify`.

    Attributes:
        verified: the result of the verified run.
        songs: the number of song rows that were compared.
        differing: the number of rows that differ by more than `TOLERANCE`.
        largest: the largest difference, in nats per token.
        where: the row of the largest difference, in words.
    """

    verified: StoredResult
    songs: int
    differing: int
    largest: float
    where: str

    @property
    def holds(self) -> bool:
        """Whether every row agrees."""
        return self.differing == 0


def verify(
    result: str | Path,
    *,
    submission: str = "",
    track: str = "",
    out: str | Path | None = None,
    **options: Any,
) -> Verification:
    """Run the submission of a result with reveal scoring, and compare.

    Args:
        result: the result's JSON file.
        submission: where the submission is now; as the result states it by default.
        track: the name or the folder of the built track; as the result states it by default.
        out: the file of the verified result; `<name>.verified.json` next to the result by default.
        options: of `evaluate`: workers, alone, device, refit, resume, progress.

    Raises:
        BadInput: the submission is another file than the one that the result names, or as `evaluate`.
        RuleBreach: as `evaluate`.
    """
    path = Path(result)
    stated = read_result(path)
    facts = stated.result
    stored = evaluate(
        submission or facts.submission.source,
        track or facts.track.name,
        settings=facts.submission.arguments,
        protocol=facts.protocol,
        seeds=facts.seeds,
        shots=sorted({shot.shots for shot in facts.aggregates.shots}),
        split=facts.track.split,
        name=facts.submission.name,
        verified=True,
        out=out or path.with_name(path.stem + ".verified.json"),
        **options,
    )
    if stored.result.submission.sha256 != facts.submission.sha256:
        raise BadInput(
            f"{path}: the result was made with another submission (SHA-256 "
            f"{(facts.submission.sha256 or 'unknown')[:12]}, found "
            f"{(stored.result.submission.sha256 or 'unknown')[:12]}); check out the commit that it names"
        )
    return compared(stated, stored)


def compared(stated: StoredResult, verified: StoredResult) -> Verification:
    """Compare the rows of two results of the same submission.

    Raises:
        BadInput: they do not have the same rows.
    """
    rows = stated.rows.merge(verified.rows, on=SONG, suffixes=("", "_verified"), how="outer", indicator=True)
    if missing := int((rows["_merge"] != "both").sum()):
        raise BadInput(
            f"{stated.path}: {missing} of {len(rows)} rows are in one of the results only, so the results "
            "are not of the same episodes; rebuild the track, or run the evaluation without --limit"
        )
    gaps = (rows.nats - rows.nats_verified).abs() / rows.tokens
    worst = rows.iloc[int(gaps.to_numpy().argmax())]
    where = f"{worst.artist}, episode {worst.episode}, {worst.shots} shots, song {worst.song_id}"
    return Verification(verified, len(rows), int((gaps > TOLERANCE).sum()), float(gaps.max()), where)
