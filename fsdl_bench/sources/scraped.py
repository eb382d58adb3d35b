"""The table `metadata.parquet` that `fsdl-bench scrape` writes into the folder that it fills."""

from __future__ import annotations

import io
import json
from typing import Any

from fsdl_bench.errors import BadInput, Rejected
from fsdl_bench.metadata import Metadata, year_in
from fsdl_bench.sources.tree import Tree

TABLE = "metadata.parquet"
_COLUMNS = ("file", "url", "licence", "extra")


def scraped(tree: Tree) -> dict[str, tuple[str, Metadata]]:
    """Return licence and metadata of each file that the table names; nothing if there is no such table.

    Raises:
        BadInput: there is a table of that name, but it is none of `fsdl-bench scrape`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not (tree.root / TABLE).is_file():
        return {}
    try:
        rows = pq.read_table(io.BytesIO(tree.read(TABLE)), columns=list(_COLUMNS)).to_pylist()
    except (pa.ArrowInvalid, KeyError, Rejected) as error:
        raise BadInput(
            f"{tree.root / TABLE}: expected the table of fsdl-bench scrape, with the columns "
            f"{', '.join(_COLUMNS)}; found {error}. Remove or rename the file"
        ) from None
    return {row["file"]: (row["licence"], _metadata(row)) for row in rows if row["file"]}


def _metadata(row: dict[str, Any]) -> Metadata:
    known = json.loads(row["extra"] or "{}")
    return Metadata(
        url=row["url"],
        catalogue=known.get("catalogue"),
        genre=known.get("genre"),
        year=year_in(known.get("year")),
    )
