"""The table `metadata.parquet` that `fsdl-bench scrape` writes into the folder that it fills."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from fsdl_bench.errors import BadInput, Rejected
from fsdl_bench.metadata import Metadata, year_in
from fsdl_bench.sources.common.tree import Tree

if TYPE_CHECKING:
    import pyarrow as pa

TABLE = "metadata.parquet"
_STORE = ".scrape"
_COLUMNS = ("file", "url", "licence", "extra")


def scraped(tree: Tree) -> dict[str, tuple[str, Metadata]]:
    """Return licence and metadata of each file that the table names; nothing if there is no such table.

    Raises:
        Rejected: there is a table of that name, but it is none of `fsdl-bench scrape`.
        BadInput: the folder is one of `fsdl-bench scrape`, and its table is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not (tree.root / TABLE).is_file():
        return {}
    try:
        table = pq.read_table(io.BytesIO(tree.read(TABLE)))
        if lacking := [name for name in _COLUMNS if name not in table.column_names]:
            raise ValueError(f"no column {', '.join(lacking)}")
        if other := [name for name in _COLUMNS if not _is_text(table.schema.field(name).type)]:
            raise ValueError(f"no text in the column {', '.join(other)}")
        rows = table.select(_COLUMNS).to_pylist()
        return {row["file"]: (row["licence"] or "", _metadata(row)) for row in rows if row["file"]}
    except (pa.ArrowException, ValueError, TypeError, AttributeError, Rejected) as error:
        if (tree.root / _STORE).is_dir():
            raise BadInput(
                f"{tree.root / TABLE}: expected the table of fsdl-bench scrape, with the columns "
                f"{', '.join(_COLUMNS)}; found {error}. Run the scrape again, or remove or rename the file"
            ) from None
        raise Rejected("no table of a scrape", str(error)) from None


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _metadata(row: dict[str, Any]) -> Metadata:
    known = json.loads(row["extra"] or "{}")
    return Metadata(
        url=row["url"],
        catalogue=known.get("catalogue"),
        genre=known.get("genre"),
        year=year_in(known.get("year")),
    )
