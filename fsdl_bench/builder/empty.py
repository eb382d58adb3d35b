"""Why no song is left for a track: the most frequent reasons, each with an example and a remedy."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath

from fsdl_bench.builder.capping import TOO_FEW
from fsdl_bench.builder.chunks import Rejection
from fsdl_bench.sources.common.files import NOT_READABLE
from fsdl_bench.sources.common.guess import advice_for
from fsdl_bench.sources.common.text import UNKNOWN_ENCODING
from fsdl_bench.sources.folder import suggested_pattern
from fsdl_bench.tracks.definition import TrackDefinition

_SHOWN = 4

_REMEDIES = {
    UNKNOWN_ENCODING: "if you know the encoding, --set encoding=cp1251 or another",
    "not a text file": "save the words alone as .txt files",
    "not a MIDI file": "give MIDI files or scores",
    "left out by option": "check --set only",
    "duplicate": "the same song is in several places",
    "near-duplicate": "it resembles another song",
    "not in the layout": "choose another --layout",
    "artist not among those of the definition": "check the spelling of the artists",
}


def why_empty(definition: TrackDefinition, rejected: Sequence[Rejection]) -> str:
    """Return the reasons why songs were left out, one line each, the most frequent first."""
    groups: dict[tuple[str, str], list[Rejection]] = defaultdict(list)
    for entry in rejected:
        suffix = PurePosixPath(entry[1]).suffix.lower() if entry[2] in NOT_READABLE.values() else ""
        groups[entry[2], suffix].append(entry)
    if not groups:
        return "no file was found"
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    lines = [_line(definition, reason, entries) for (reason, _), entries in ordered[:_SHOWN]]
    if rest := sum(len(entries) for _, entries in ordered[_SHOWN:]):
        lines.append(f"  {rest:,} for other reasons")
    return "left out were\n" + "\n".join(lines)


def _line(definition: TrackDefinition, reason: str, entries: Sequence[Rejection]) -> str:
    _, origin, _, detail = entries[0]
    line = f"  {len(entries):,} {reason}, such as {origin}" + (f" ({detail})" if detail else "")
    remedy = _remedy(definition, reason, entries)
    return f"{line}: {remedy}" if remedy else line


def _remedy(definition: TrackDefinition, reason: str, entries: Sequence[Rejection]) -> str:
    source = definition.sources[0]
    if reason in NOT_READABLE.values():
        return advice_for(entries[0][1], definition.kind)
    if reason == TOO_FEW:
        return _too_few(definition, source.source)
    stems = [PurePosixPath(origin).stem for _, origin, _, _ in entries]
    pattern = suggested_pattern(stems)
    if reason == "name does not match the pattern":
        return f"--set 'pattern={pattern}' may fit" if pattern else "correct --set pattern"
    if reason == "no artist folder" and source.source == "folder":
        depths = Counter(origin.count("/") for _, origin, _, _ in entries)
        deepest = max(depths)
        level = str(source.options.get("level", 1))
        if deepest:
            fitting = "1" if deepest == 1 else f"1 to {deepest}"
            return f"these files are not as deep as the option level says, {level}; use --set level={fitting}"
        if pattern:
            return f"they are in no folder; use --set 'pattern={pattern}'"
        return (
            "they are in no folder. Give each artist a folder; if this is the folder of one artist, "
            "pass the one above it with --from"
        )
    return _REMEDIES.get(reason, "")


def _too_few(definition: TrackDefinition, layout: str) -> str:
    needed = f"an artist needs {definition.min_songs} different songs"
    if layout == "folder":
        return (
            f"{needed}. If these are not the artists: --set level=N names their folder, "
            "--set 'pattern={artist} - {title}' their place in the file's name"
        )
    if layout == "lyrics_csv":
        return f"{needed}. If these are not the artists: --set artist_column=NAME"
    return needed
