"""Song rows: one row per scored query song. Every figure of a result is computed from them.

A row has the song (artist, episode, song id), its setting (seed, condition, shots) and its score (nats,
tokens, units). Rows are stored as Parquet with dictionaries and zstd: a few thousand rows take tens of
kilobytes. `nats` stays float64.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from fsdl_bench.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Scoring: TypeAlias = Literal["independent", "streaming"]
"""The protocol: each query song given only the support, or in frozen order with `observe` after each."""

Condition: TypeAlias = Literal["right", "control"]
"""The artist of the support: the query's own, or another one."""

KEY = ("seed", "condition", "shots", "artist", "episode", "song_id")
"""The columns that identify a row."""


@dataclass(frozen=True, slots=True)
class SongRow:
    """The score of one query song.

    Attributes:
        seed: the seed of the fitted submission.
        condition: "right" for the artist's own support (and for zero shots), "control" for another's.
        shots: K, the number of support songs.
        artist: the artist's key.
        episode: the episode's index within the artist.
        song_id: the query song's id.
        nats: -log p(song | support), summed over the scored tokens.
        tokens: the number of scored tokens, including EOS if the song has one.
        units: the number of notes, or of UTF-8 bytes.
        seconds: the length of the scored excerpt; MIDI only.
        kinds: `nats` by kind of token, such as "shift", if the codec has kinds.
        optimal_nats: the Bayes-optimal predictor's nats for the same song; synthetic tracks only.
    """

    seed: int
    condition: Condition
    shots: int
    artist: str
    episode: int
    song_id: str
    nats: float
    tokens: int
    units: int
    seconds: float | None = None
    kinds: Mapping[str, float] = field(default_factory=dict)
    optimal_nats: float | None = None


def rows_table(rows: Iterable[SongRow], *, track_digest: str, protocol: Scoring) -> pa.Table:
    """Return the rows as an Arrow table, sorted by `KEY`. It has the optional columns that the rows have.

    Raises:
        ValueError: there are no rows, or they differ in which optional values they have.
    """
    import pyarrow as pa

    ordered = sorted(rows, key=lambda row: tuple(getattr(row, name) for name in KEY))
    if not ordered:
        raise ValueError("a result needs at least one song row, found none")
    kinds = tuple(ordered[0].kinds)
    optional = tuple(n for n in ("seconds", "optimal_nats") if getattr(ordered[0], n) is not None)
    columns: dict[str, list[Any]] = {
        name: [getattr(row, name) for row in ordered] for name in (*KEY, "nats", "tokens", "units", *optional)
    }
    if any(set(row.kinds) != set(kinds) for row in ordered):
        raise ValueError(f"every row needs the same kinds as the first ({', '.join(kinds) or 'none'})")
    for kind in kinds:
        columns[f"nats_{kind}"] = [row.kinds[kind] for row in ordered]
    columns["track_digest"] = [track_digest] * len(ordered)
    columns["protocol"] = [protocol] * len(ordered)
    schema = _schema(columns)
    if missing := [name for name in optional if None in columns[name]]:
        raise ValueError(f"every row needs a value in {', '.join(missing)}, as in the first row")
    return pa.table({name: columns[name] for name in schema.names}, schema=schema)


def rows_to_parquet(table: pa.Table) -> bytes:
    """Return a table of song rows as the bytes of a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd", compression_level=19, write_statistics=False)
    data: bytes = buffer.getvalue().to_pybytes()
    return data


def read_rows(data: bytes, place: str) -> pd.DataFrame:
    """Return the checked rows of a Parquet file.

    Args:
        data: the file's content.
        place: the file's name in messages.

    Raises:
        BadInput: the file is not Parquet, a column is missing, unknown or of the wrong type, a value is out
            of range, a row is given twice, or settings differ in their songs.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(data))
    except (pa.ArrowException, OSError, ValueError) as error:  # pyarrow raises all three for damaged bytes
        raise BadInput(f"{place}: expected a Parquet file of song rows: {error}") from error
    expected = _schema(table.column_names)
    for name in expected.names:
        found = table.schema.field(name).type if name in table.column_names else "no such column"
        if found != expected.field(name).type:
            raise BadInput(f"{place}: column {name} should be {expected.field(name).type}, found: {found}")
        if table.column(name).null_count:
            raise BadInput(f"{place}: column {name} should have a value in every row")
    if unknown := sorted(set(table.column_names) - set(expected.names)):
        raise BadInput(f"{place}: unknown columns: {', '.join(unknown)}")
    frame: pd.DataFrame = table.to_pandas()
    frame.columns = frame.columns.astype(object)  # Arrow strings, pandas' default, are slow to look up
    for name in frame.columns[frame.dtypes == "category"]:
        kept = frame[name].array
        frame[name] = pd.Categorical.from_codes(kept.codes, kept.categories.astype(object))
    check_rows(frame, place)
    return frame


def check_rows(frame: pd.DataFrame, place: str) -> None:
    """Refuse rows that no run of the harness writes.

    Args:
        frame: song rows.
        place: the name of their file in messages.

    Raises:
        BadInput: a column or a song is wrong; the message names it.
    """
    import numpy as np
    import pandas as pd

    if frame.empty:
        raise BadInput(f"{place}: expected song rows, found none")
    for name in ("track_digest", "protocol"):
        if frame[name].nunique() != 1:
            raise BadInput(f"{place}: {name} should be one value in all rows, found {frame[name].nunique()}")
    for name in (c for c in frame.columns if c in ("seconds", "optimal_nats") or c.startswith("nats")):
        if not np.all(np.isfinite(frame[name]) & (frame[name] >= 0)):
            raise BadInput(f"{place}: {name} should be finite and not negative in every row")
    for name, least in (("tokens", 1), ("units", 1), ("shots", 0), ("episode", 0)):
        if frame[name].min() < least:
            raise BadInput(f"{place}: {name} should be at least {least} in every row")
    if unknown := set(frame["condition"]) - {"right", "control"}:
        raise BadInput(f"{place}: condition should be right or control, found {', '.join(sorted(unknown))}")
    control, right = (set(frame["shots"][frame["condition"] == name]) for name in ("control", "right"))
    if len(control) > 1 or not control <= right:
        raise BadInput(
            f"{place}: the control should have one number of shots, which the right support has too"
        )
    keys = [frame[name].cat.codes if frame[name].dtype == "category" else frame[name] for name in KEY]
    if (twice := pd.concat(keys, axis=1).duplicated()).any():
        raise BadInput(f"{place}: a row is given twice: {_name(frame[twice].iloc[0])}")
    lengths = frame.groupby("song_id", observed=True)[["tokens", "units"]].agg(["min", "max"]).to_numpy()
    if (other := (lengths[:, ::2] < lengths[:, 1::2]).any(axis=1)).any():
        song = frame.groupby("song_id", observed=True)["tokens"].min().index[int(other.argmax())]
        raise BadInput(f"{place}: song {song} has different tokens or units in different rows")
    songs = len(pd.concat(keys[3:], axis=1).drop_duplicates())
    sizes = frame.groupby(["seed", "condition", "shots"], observed=True).size()
    for setting, found in sizes[sizes < songs].items():
        seed, kind, shots = cast("tuple[int, str, int]", setting)
        raise BadInput(
            f"{place}: every setting should score the same songs, but seed {seed}, {kind}, "
            f"{shots} shots lacks {songs - found} of {songs}"
        )


def _name(row: pd.Series[Any]) -> str:
    return ", ".join(f"{name} {row[name]}" for name in KEY)


def _schema(columns: Iterable[str]) -> pa.Schema:
    """The schema: the required columns, and the optional ones among `columns`."""
    import pyarrow as pa

    words = pa.dictionary(pa.int32(), pa.string())
    fields = {
        "track_digest": words,
        "protocol": words,
        "seed": pa.int64(),
        "condition": words,
        "shots": pa.int16(),
        "artist": words,
        "episode": pa.int16(),
        "song_id": words,
        "nats": pa.float64(),
        "tokens": pa.int32(),
        "units": pa.int32(),
    }
    for name in columns:
        if name.startswith("nats_"):
            fields[name] = pa.float32()
        elif name in ("seconds", "optimal_nats"):
            fields[name] = pa.float64()
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in fields.items()])
