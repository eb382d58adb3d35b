"""The dataset card of a built track: a `README.md` with front matter for `datasets` and the Hub."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from fsdl_bench.tracks.definition import TrackDefinition
from fsdl_bench.tracks.histograms import Histogram, histogram_lines
from fsdl_bench.tracks.manifest import SplitCounts
from fsdl_bench.tracks.rows import metadata_name, performance_name

_SIZES = (1_000, 10_000, 100_000, 1_000_000)


def dataset_card(
    definition: TrackDefinition,
    counts: Mapping[str, SplitCounts],
    rejected: Mapping[str, int],
    digest: str,
    licences: Mapping[str, int],
    known: Sequence[Histogram] = (),
) -> str:
    """Return the card as Markdown.

    Args:
        definition: the definition that was used.
        counts: split -> size.
        rejected: reason -> number of files.
        digest: the logical digest.
        licences: licence -> number of songs.
        known: the histograms of the songs' metadata.
    """
    metadata = ["## Metadata\n\n" + "\n".join(histogram_lines(known))] if known else []
    parts = [
        _front_matter(definition, counts, licences),
        f"# {definition.name}\n\n{definition.description}".rstrip(),
        "## Contents\n\n" + _contents(definition, counts),
        *metadata,
        "## Sources and licences\n\n" + _sources(definition, licences),
        "## How it was made\n\n" + _making(definition),
        "## Left out\n\n" + _left_out(rejected),
        "## Known limits\n\n" + "\n".join(f"- {line}" for line in _limits(definition)),
        f"## Identity\n\nLogical digest `{digest}`; results on tracks with the same digest are comparable.",
    ]
    return "\n\n".join(parts) + "\n"


def hub_licence(licence: str) -> str:
    """Return a licence's identifier on the Hub: SPDX in small letters if it is known there, else `other`."""
    known = {
        "cc0-1.0",
        "cc-by-3.0",
        "cc-by-4.0",
        "cc-by-sa-4.0",
        "cc-by-nc-sa-4.0",
        "cc-by-nc-4.0",
        "mit",
        "apache-2.0",
    }
    return licence.lower() if licence.lower() in known else "other"


def _front_matter(
    definition: TrackDefinition, counts: Mapping[str, SplitCounts], licences: Mapping[str, int]
) -> str:
    songs = sum(count.songs for count in counts.values())
    below = next((size for size in _SIZES if songs < size), None)
    kind = "lyrics" if definition.kind == "lyrics" else "symbolic-music"
    names = ["n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M"]
    beside = {"metadata": metadata_name}
    if definition.kind == "midi":
        beside["performance"] = performance_name
    entries = {
        "pretty_name": f"fsdl-bench {definition.name}",
        "license": sorted({hub_licence(name) for name in licences}) or ["other"],
        "language": definition.languages,
        "task_categories": ["text-generation"] if definition.kind == "lyrics" else ["other"],
        "tags": ["music", kind, "few-shot-learning", "meta-learning", "fsdl-bench"],
        "size_categories": [names[_SIZES.index(below)] if below else "1M<n<10M"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": name, "path": f"{name}-*.parquet"} for name in counts],
            },
            *(
                {
                    "config_name": config,
                    "data_files": [{"split": split, "path": name(split)} for split in counts],
                }
                for config, name in beside.items()
            ),
        ],
    }
    # Every JSON value is valid YAML.
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in entries.items() if value]
    return "\n".join(["---", *lines, "---"])


def _contents(definition: TrackDefinition, counts: Mapping[str, SplitCounts]) -> str:
    unit = "bytes" if definition.kind == "lyrics" else "notes"
    rows = [
        [
            name,
            f"{count.artists:,}",
            f"{count.songs:,}",
            f"{count.works:,}",
            f"{count.tokens:,}",
            f"{count.units:,}",
            f"{count.median_tokens:,.0f}",
        ]
        for name, count in counts.items()
    ]
    header = ["split", "artists", "songs", "works", "tokens", unit, "median tokens"]
    columns = (
        "One row per song; the songs of an artist are together. `tokens` is the scored excerpt in the ids of "
        f"`{definition.codec}` (0 PAD, 1 BOS, 2 EOS; BOS is not stored, and EOS only if the song ends within "
        f"the excerpt). `units` is its number of {unit}."
    )
    if definition.kind == "lyrics":
        columns += " `text` is the text of the whole song."
    columns += (
        " `metadata/<split>.parquet` has one row per song in the same order with what else is known: "
        "year, form, key, meter, tempo and so on. It is no part of the digest."
    )
    if definition.kind == "midi":
        columns += " `performance/<split>.parquet` has the velocity of each note, for listening."
    if definition.label != "artist":
        columns += f" Here the column `artist` holds the {definition.label} that episodes are drawn by."
    return f"{_table(header, rows)}\n\n{columns}"


def _sources(definition: TrackDefinition, licences: Mapping[str, int]) -> str:
    rows = [
        [
            source.title or source.source,
            source.licence or "see the rows",
            f"[{source.repo}](https://github.com/{source.repo}/tree/{source.commit})"
            if source.repo
            else source.url or source.homepage or "the user's own",
            source.attribution,
        ]
        for source in definition.sources
    ]
    table = _table(["source", "licence", "where", "attribution"], rows)
    named = ", ".join(f"{name or 'none stated'} ({count:,})" for name, count in sorted(licences.items()))
    return f"{table}\n\nLicences by song: {named}. Each row has its own licence and origin."


_LYRICS_2 = (
    "Near-duplicates are found by 3-word shingles (3 characters where words are not spaced; containment 0.4, "
    "and at least 8 shared or Jaccard 0.4)"
)
_RULE_3 = (
    ". A medley goes and its parts stay, a short song that others quote goes and they stay, and what is in "
    "more than a quarter of all songs is not compared"
)


def _making(definition: TrackDefinition) -> str:
    by = "works" if definition.kind == "midi" else "songs"
    near = {
        (
            "midi",
            1,
        ): "Near-duplicates are found by 7-grams of melodic intervals (containment 0.2, at least 20 "
        "shared, Jaccard 0.03)",
        (
            "lyrics",
            1,
        ): "Near-duplicates are found by 3-word shingles (3 characters where words are not spaced; "
        "containment 0.4)",
        ("midi", 2): "Near-duplicates are found by 7-grams of melodic intervals, of each part and of the "
        "highest notes of all parts together (containment 0.2, at least 20 shared, Jaccard 0.03)",
        ("lyrics", 2): _LYRICS_2,
        ("midi", 3): "Near-duplicates are found by 7-grams of melodic intervals, of each part and of the "
        "highest notes of all parts together (containment 0.2, at least 20 shared, Jaccard 0.03; or at least "
        "5 shared, Jaccard 0.6)",
        ("lyrics", 3): _LYRICS_2,
    }[definition.kind, definition.filters.rule]
    if not definition.filters.near_duplicates:
        near = "Near-duplicates are not removed, because the songs are drawn from a known distribution"
    else:
        near += "; of each cluster, also across artists, the longest song is kept"
        near += {1: "", 2: ", and of a medley its parts", 3: _RULE_3}[definition.filters.rule]
    return (
        f"{near}. Artists with fewer than {definition.min_songs} {by} are left out. Of one artist at most "
        f"{definition.max_songs} songs are kept, those with the lowest content hash.\n\n"
        "An artist is in the same split in every track: u = the first 8 bytes of "
        'BLAKE2b("fsdl-bench/v1/" + key) / 2^64, where the key is the name in plain ASCII letters; test '
        "below 0.2, validation below 0.3, else train. `splits.csv` is the list, `definition.toml` has all "
        "settings, and `manifest.json` has the hash of every file."
    )


def _left_out(rejected: Mapping[str, int]) -> str:
    if not rejected:
        return "Nothing."
    ordered = sorted(rejected.items(), key=lambda entry: (-entry[1], entry[0]))
    table = _table(["reason", "files"], [[reason, f"{count:,}"] for reason, count in ordered])
    return f"{table}\n\n`rejected.parquet` lists each file with its reason."


def _limits(definition: TrackDefinition) -> Iterable[str]:
    yield from definition.limits
    yield "The artist is the style label. Songs of one artist can differ in style, and labels can be wrong."
    if definition.kind == "midi":
        yield "Times are rounded to 10 ms. Velocity, pedals and the program within a family are not scored."
        yield "Only the first 512 notes of a song are scored."
    else:
        yield "Only the first 512 tokens of a song are scored."


def _table(header: list[str], rows: Iterable[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
