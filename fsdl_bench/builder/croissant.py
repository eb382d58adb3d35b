"""`croissant.json`: a machine-readable description of the track in MLCommons' Croissant 1.0.

The JSON-LD context is that of the library mlcroissant; a test compares the two. It is copied because the
library is large, and because a new version of it must not change what a build writes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fsdl_bench.metadata import metadata_schema
from fsdl_bench.tracks.definition import TrackDefinition
from fsdl_bench.tracks.manifest import FileEntry
from fsdl_bench.tracks.rows import row_schema

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"

CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}

_MEANINGS = {
    "song_id": "The hash of the content.",
    "artist": "The artist's name, the style label of the episodes.",
    "artist_key": "The artist's name in plain ASCII letters.",
    "title": "The title in the source.",
    "work": "The piece that the song is a movement of.",
    "licence": "The licence of this song.",
    "source": "The source of the song.",
    "origin": "The path inside the source.",
    "tokens": "The scored excerpt, as token ids.",
    "units": "The number of notes or UTF-8 bytes in the excerpt.",
    "text": "The text of the whole song.",
}


Files = Mapping[str, Mapping[str, FileEntry]]
"""Split -> file name -> hash and size."""


def croissant(
    definition: TrackDefinition, shards: Files, metadata: Files, performance: Files, digest: str
) -> str:
    """Return the description as JSON.

    Args:
        definition: the definition that was used.
        shards, metadata, performance: the Parquet files of the songs, of their metadata and their velocities.
        digest: the logical digest.
    """
    files = [
        {
            "@type": "cr:FileObject",
            "@id": name,
            "name": name,
            "contentUrl": name,
            "contentSize": f"{entry.bytes} B",
            "encodingFormat": "application/x-parquet",
            "sha256": entry.sha256,
        }
        for entries in [*shards.values(), *metadata.values(), *performance.values()]
        for name, entry in entries.items()
    ]
    content = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": definition.name,
        "description": definition.description or f"The track {definition.name} of fsdl-bench.",
        "url": next((source.homepage for source in definition.sources if source.homepage), "."),
        "license": sorted({source.licence for source in definition.sources if source.licence}) or ["other"],
        "citeAs": "; ".join(
            source.attribution or source.title or source.source for source in definition.sources
        ),
        "version": "1.0.0",
        "identifier": digest,
        "inLanguage": definition.languages or ["zxx"],
        "distribution": files,
        # One record set per shard, because Croissant can join files only inside an archive.
        "recordSet": [
            *(
                _record_set(name, f"Songs of the {split} split, one per record.", _columns(definition))
                for split, entries in shards.items()
                for name in entries
            ),
            *(
                _record_set(name, f"What is known about the songs of the {split} split.", _facts())
                for split, entries in metadata.items()
                for name in entries
            ),
            *(
                _record_set(name, f"How loud the notes of the {split} split were played.", _VELOCITIES)
                for split, entries in performance.items()
                for name in entries
            ),
        ],
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _columns(definition: TrackDefinition) -> dict[str, tuple[str, str, bool]]:
    """Return for each column of the songs its meaning, its type, and whether it is a list."""
    return {
        field.name: (
            _MEANINGS[field.name],
            "sc:Integer" if field.name in ("tokens", "units") else "sc:Text",
            field.name == "tokens",
        )
        for field in row_schema(definition.kind)
    }


_VELOCITIES = {
    "song_id": (_MEANINGS["song_id"], "sc:Text", False),
    "velocity": ("MIDI velocity of each note of the excerpt, 1 to 127.", "sc:Integer", True),
}


def _facts() -> dict[str, tuple[str, str, bool]]:
    """Return the same for the columns of the metadata that are no pairs."""
    import pyarrow as pa

    found = {}
    for field in metadata_schema():
        repeated = pa.types.is_list(field.type)
        kind = field.type.value_type if repeated else field.type
        if pa.types.is_struct(kind):
            continue
        name = "sc:Text" if pa.types.is_string(kind) else "sc:Float"
        name = "sc:Integer" if pa.types.is_integer(kind) else name
        found[field.name] = (_MEANINGS.get(field.name, field.name.replace("_", " ")), name, repeated)
    return found


def _record_set(file: str, description: str, columns: Mapping[str, tuple[str, str, bool]]) -> dict[str, Any]:
    name = file.removesuffix(".parquet")
    fields = []
    for column, (meaning, kind, repeated) in columns.items():
        entry: dict[str, Any] = {
            "@type": "cr:Field",
            "@id": f"{name}/{column}",
            "name": column,
            "description": meaning,
            "dataType": kind,
            "source": {"fileObject": {"@id": file}, "extract": {"column": column}},
        }
        if repeated:
            entry["repeated"] = True
        fields.append(entry)
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": description,
        "field": fields,
    }
