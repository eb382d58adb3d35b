"""What a submitter runs before a pull request: each reason why a result could be sent back, found before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fsdl_bench.errors import BadInput
from fsdl_bench.results import Result, StoredResult, check_acceptable, read_result
from fsdl_bench.site.repository import has_commit, root_of, submission_file
from fsdl_bench.tracks.definition import definition_names, load_definition


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule, what was found, and whether the result may stand as far as it goes."""

    rule: str
    passed: bool
    detail: str


def check_result(path: Path) -> list[Finding]:
    """Check one result file; every finding, whether it passed or not.

    A file that does not verify yields that finding alone, since nothing that it states can be relied on.
    """
    try:
        stored = read_result(path)
    except BadInput as error:
        return [Finding("file", False, str(error))]
    aggregates = stored.result.aggregates
    counted = f"{aggregates.artists} artists, {aggregates.episodes} episodes, {stored.result.rows.count} rows"
    return [
        Finding("file", True, f"follows the schema, and its figures follow from its song rows ({counted})"),
        _acceptable(stored),
        _track(stored.result),
        _episodes(stored),
        *_shots(stored.result),
        *_submission(stored),
        _name(stored),
        Finding("exactness", True, _exactness(stored.result)),
        Finding("status", True, _status(stored.result)),
    ]


def _acceptable(stored: StoredResult) -> Finding:
    try:
        check_acceptable(stored)
    except BadInput as error:
        return Finding("audits", False, str(error))
    rules = ", ".join(verdict.rule for verdict in stored.result.audits)
    return Finding("audits", True, f"a full run on test; these rules held: {rules}")


def _track(result: Result) -> Finding:
    name, digest = result.track.name, result.track.digest
    if name not in definition_names():
        return Finding("track", False, f"{name} is no track of this package; results on it compare with none")
    frozen = load_definition(name).digest
    if not frozen:
        return Finding("track", False, f"{name} is not frozen: it is built from a download of your own")
    if digest != frozen:
        return Finding("track", False, f"digest {digest}, but {name} is frozen at {frozen}; build it again")
    return Finding("track", True, f"{name} as frozen, {digest[:16]}")


def _episodes(stored: StoredResult) -> Finding:
    """The digest of the episodes, against the built track if there is one, else against other results."""
    info = stored.result.track
    if (known := _built_episodes(info.name, info.digest)) is not None:
        found = {known: "the built track"}
    else:
        found = {result.track.episodes_digest: str(path) for path, result in _neighbours(stored)}
    if not found:
        how = f"fsdl-bench build {info.name}"
        return Finding("episodes", True, f"{info.episodes_digest}; nothing to compare with here ({how})")
    others = {digest: where for digest, where in found.items() if digest != info.episodes_digest}
    if others:
        digest, where = next(iter(others.items()))
        return Finding("episodes", False, f"{info.episodes_digest}, but {where} has {digest}")
    return Finding("episodes", True, f"{info.episodes_digest}, as in {next(iter(found.values()))}")


def _built_episodes(name: str, digest: str) -> str | None:
    from fsdl_bench.episodes import episodes_digest, evaluation_episodes
    from fsdl_bench.tracks.track import built_tracks, load_track

    if name not in built_tracks():
        return None
    track = load_track(name)
    if track.digest != digest:
        return None
    return episodes_digest(evaluation_episodes(track.test, track.definition))


def _neighbours(stored: StoredResult) -> Iterator[tuple[Path, Result]]:
    """The other results of the same track and protocol in the file's folder, as far as they can be read."""
    for path in sorted(stored.path.parent.glob("*.json")):
        if path.resolve() == stored.path.resolve():
            continue
        try:
            result = Result.model_validate_json(path.read_bytes())
        except ValueError:
            continue
        if (result.track.name, result.protocol) == (stored.result.track.name, stored.result.protocol):
            yield path, result


def _shots(result: Result) -> Iterator[Finding]:
    if result.track.name not in definition_names():
        return
    frozen = load_definition(result.track.name).shots
    found = tuple(shot.shots for shot in result.aggregates.shots)
    asked = ", ".join(map(str, frozen))
    if found == frozen and result.aggregates.control is not None:
        yield Finding("shots", True, f"{asked}, and the control with another artist's support")
    elif found == frozen:
        yield Finding("shots", False, "there is no control with another artist's support")
    else:
        yield Finding("shots", False, f"the track asks for {asked}; found {', '.join(map(str, found))}")


def _submission(stored: StoredResult) -> Iterator[Finding]:
    result, root = stored.result, root_of(stored.path)
    found = submission_file(root, result)
    if found is None:
        source = result.submission.source
        yield Finding(
            "submission", False, f"{source} names no .py file below {root}; evaluate it by its path"
        )
    elif found.evaluated is None:
        there = "another content" if found.in_folder is not None else "no such file"
        yield Finding(
            "submission", False, f"{found.path} should have sha256 {found.sha256}; there is {there}"
        )
    else:
        later = (
            ""
            if found.unchanged
            else "; the file has been changed since, evaluate again if scores depend on it"
        )
        yield Finding("submission", True, f"{found.path} has the sha256 that was evaluated{later}")
    commit, dirty = result.environment.git_commit, result.environment.git_dirty
    if commit is None:
        yield Finding("commit", False, "evaluated outside a git repository; nobody could make it again")
    elif dirty:
        yield Finding(
            "commit", False, f"evaluated with changes that {commit[:12]} does not have; commit, run again"
        )
    elif has_commit(root, commit):
        yield Finding("commit", True, f"{commit[:12]}, nothing uncommitted beside the submission")
    else:
        yield Finding(
            "commit", True, f"{commit[:12]}, nothing uncommitted; this clone does not have the commit"
        )


def _name(stored: StoredResult) -> Finding:
    from fsdl_bench.site.boards import slug_of

    name = stored.result.submission.name
    same = [
        str(path) for path, other in _neighbours(stored) if slug_of(other.submission.name) == slug_of(name)
    ]
    if same:
        return Finding("name", False, f"{same[0]} calls its model {name!r} too; choose another (--name)")
    return Finding("name", True, f"{name!r} stands once on its board")


def _exactness(result: Result) -> str:
    if result.submission.exact:
        return "exact likelihoods"
    return 'a bound; it will be listed apart, with "<=", and not ranked'


def _status(result: Result) -> str:
    return "verified; only maintainers set this" if result.status == "verified" else result.status
