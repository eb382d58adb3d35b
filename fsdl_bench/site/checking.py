"""Check a result file against every rule of the leaderboard: `fsdl-bench leaderboard check`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fsdl_bench.errors import BadInput
from fsdl_bench.results import Result, StoredResult, check_acceptable, read_result
from fsdl_bench.site.against_track import against_track
from fsdl_bench.site.finding import Finding
from fsdl_bench.site.repository import has_commit, is_hash, root_of, submission_file
from fsdl_bench.tracks.definition import TrackDefinition, definition_names, load_definition


def check_result(path: Path) -> list[Finding]:
    """Check one result file and return a finding for every rule.

    A file that cannot be read or does not follow from its song rows gives that finding alone.
    """
    try:
        stored = read_result(path)
    except BadInput as error:
        return [Finding("file", False, str(error))]
    aggregates = stored.result.aggregates
    counted = f"{aggregates.artists} artists, {aggregates.episodes} episodes, {stored.result.rows.count} rows"
    return [
        Finding(
            "file", True, f"follows the schema; all figures were recomputed from the song rows ({counted})"
        ),
        _acceptable(stored),
        _track(stored.result),
        *against_track(stored),
        *_shots(stored.result),
        *_submission(stored),
        _name(stored),
        Finding("exactness", True, _exactness(stored.result)),
        _status(stored.result),
    ]


def _acceptable(stored: StoredResult) -> Finding:
    try:
        check_acceptable(stored)
    except BadInput as error:
        return Finding("audits", False, str(error))
    rules = ", ".join(verdict.rule for verdict in stored.result.audits)
    return Finding("audits", True, f"full run on the test split; passed: {rules}")


def _track(result: Result) -> Finding:
    name, digest = result.track.name, result.track.digest
    if name not in definition_names():
        return Finding(
            "track", False, f"unknown track {name}; only tracks of this package have a leaderboard"
        )
    definition = load_definition(name)
    frozen = definition.digest
    if not frozen:
        return Finding("track", False, f"{name} is not frozen: it is built from your own download")
    if digest != frozen:
        return Finding(
            "track",
            False,
            f"digest {digest}, but {name} is frozen at {frozen}; build the track and evaluate again",
        )
    for field, expected in facts_of(definition).items():
        if (found := getattr(result.track, field)) != expected:
            return Finding("track", False, f"track.{field} is {found!r}, but {name} has {expected!r}")
    return Finding("track", True, f"{name} as frozen, digest {digest[:16]}")


def facts_of(definition: TrackDefinition) -> dict[str, Any]:
    """Return the fields of `TrackInfo` that follow from a track's definition."""
    same = ("kind", "version", "codec", "headline_shot", "queries", "episodes")
    unit = {"lyrics": "byte", "midi": "note"}[definition.kind]
    return {name: getattr(definition, name) for name in same} | {"unit": unit}


def _neighbours(stored: StoredResult) -> Iterator[tuple[Path, Result]]:
    """The other readable results of the same track and protocol in the file's folder."""
    for path in sorted(stored.path.parent.glob("*.json")):
        if path.resolve() == stored.path.resolve():
            continue
        try:
            result = Result.model_validate_json(path.read_bytes())
        except (OSError, ValueError):
            continue
        if (result.track.name, result.protocol) == (stored.result.track.name, stored.result.protocol):
            yield path, result


def _shots(result: Result) -> Iterator[Finding]:
    if result.track.name not in definition_names():
        return
    definition = load_definition(result.track.name)
    found = tuple(shot.shots for shot in result.aggregates.shots)
    words = ", ".join(map(str, found))
    if not definition.ranked_shots <= set(found) <= set(definition.shots):
        asked = (
            f"{', '.join(map(str, definition.shots))}, or some of them with 0 and {definition.headline_shot}"
        )
        yield Finding("shots", False, f"expected {asked}, found {words}")
    elif result.aggregates.control is None:
        yield Finding("shots", False, "the control (another artist's support) is missing")
    else:
        yield Finding("shots", True, f"{words}, and the control")


def _submission(stored: StoredResult) -> Iterator[Finding]:
    result, root = stored.result, root_of(stored.path)
    found = submission_file(root, result)
    if found is None:
        source = result.submission.source
        yield Finding(
            "submission", False, f"{source} is no path of a .py file below {root}; pass the path to evaluate"
        )
    elif found.evaluated is None:
        there = "another sha256" if found.in_folder is not None else "no such file"
        yield Finding("submission", False, f"{found.path}: expected sha256 {found.sha256}, found {there}")
    else:
        later = "" if found.unchanged else "; it was changed later: evaluate again if that changes scores"
        yield Finding("submission", True, f"{found.path} has the sha256 that was evaluated{later}")
    commit, dirty = result.environment.git_commit, result.environment.git_dirty
    if commit is None:
        yield Finding("commit", False, "evaluated outside a git repository, so it cannot be reproduced")
    elif not is_hash(commit):
        yield Finding("commit", False, f"expected the hash of a git commit, found {commit!r}")
    elif dirty:
        yield Finding(
            "commit",
            False,
            f"evaluated with uncommitted changes on {commit[:12]}; commit them and evaluate again",
        )
    elif has_commit(root, commit):
        yield Finding("commit", True, f"{commit[:12]}, no uncommitted changes")
    else:
        yield Finding(
            "commit", True, f"{commit[:12]}, no uncommitted changes; this clone does not have the commit"
        )


def _name(stored: StoredResult) -> Finding:
    from fsdl_bench.site.boards import slug_of

    name = stored.result.submission.name
    same = [
        str(path) for path, other in _neighbours(stored) if slug_of(other.submission.name) == slug_of(name)
    ]
    if same:
        return Finding(
            "name", False, f"{same[0]} has the model name {name!r} too; choose another with --name"
        )
    return Finding("name", True, f"{name!r} is used once on its board")


def _exactness(result: Result) -> str:
    if result.submission.exact:
        return "exact likelihoods"
    return 'an upper bound: listed with "<=", not ranked'


def _status(result: Result) -> Finding:
    if result.status == "verified":
        return Finding(
            "status", False, "says itself that it is verified; only leaderboard/verified.toml can say that"
        )
    return Finding("status", True, result.status)
