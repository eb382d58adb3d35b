"""Write the `Leaderboard` as files: pages (jinja2), downloads and assets."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsdl_bench.errors import BadInput
from fsdl_bench.generation.page import counted
from fsdl_bench.paths import atomic_directory
from fsdl_bench.placing import refuse_other_files
from fsdl_bench.site import build, columns, comparing, example, figures, formats, roll, staircase
from fsdl_bench.site.boards import slug_of
from fsdl_bench.site.comparing import model_script
from fsdl_bench.site.exports import track_csv
from fsdl_bench.site.view import BASELINE, Leaderboard

if TYPE_CHECKING:
    import jinja2
    import markupsafe

HERE = Path(__file__).parent


def build_site(results: Path, out: Path, *, progress: bool = True) -> Leaderboard:
    """Build the site of all results below `results`, and replace the folder `out` by it.

    A site that was built from the same files by the same code, and is intact, is left alone.

    Raises:
        BadInput: jinja2 is not installed, a file is damaged, or `out` contains something else.
    """
    from fsdl_bench.site.assemble import assemble

    environment = _environment()
    refuse_other_files(out, "a new folder, or an earlier site", build.own(out))
    key = build.inputs(results)
    if build.is_current(out, key):
        return Leaderboard.model_validate_json((out / "leaderboard.json").read_bytes())
    with atomic_directory(out) as folder:
        board = assemble(results, folder, progress=progress)
        render(board, folder, environment)
        build.record(folder, key)
    return board


def render(board: Leaderboard, out: Path, environment: jinja2.Environment | None = None) -> None:
    """Write the pages, the downloads and the assets into the folder `out`."""
    pages = environment or _environment()

    def write(page: str, template: str, **values: Any) -> None:
        root = "../" * page.count("/")
        text = pages.get_template(template).render(board=board, root=root, **values)
        _write(out / page, text)

    write("index.html", "index.html")
    write("removals.html", "removals.html")
    for track in board.tracks:
        write(f"tracks/{track.name}.html", "track.html", track=track)
        write(f"compare/{track.name}.html", "compare.html", track=track)
        for model in track.models():
            write(f"models/{track.name}/{model.slug}.html", "model.html", track=track, model=model)
            _write(out / "data" / track.name / f"{model.slug}.js", model_script(track, model.slug))
        for artist in sorted({name for part in track.boards for name in part.artists()}):
            write(f"artists/{track.name}/{slug_of(artist)}.html", "artist.html", track=track, artist=artist)
        _write(out / "data" / f"{track.name}.json", track.model_dump_json(indent=1) + "\n")
        _write(out / "data" / f"{track.name}.csv", track_csv(track))
    _write(out / "leaderboard.json", board.model_dump_json(indent=1) + "\n")
    shutil.copytree(HERE / "assets", out / "assets", dirs_exist_ok=True)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _environment() -> jinja2.Environment:
    try:
        import jinja2
    except ImportError:
        raise BadInput('leaderboard build needs jinja2: python -m pip install "fsdl-bench[site]"') from None
    pages = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {
        "number": formats.number,
        "interval": formats.interval,
        "count": formats.count,
        "counted": counted,
        "duration": formats.duration,
        "plain": formats.plain,
        "milliseconds": figures.milliseconds,
        "unit_words": figures.unit_words,
        "script_json": _script_json,
        "slug": slug_of,
        "term_id": lambda name: "term-" + slug_of(name),
    }
    pages.globals |= {
        "BASELINE": BASELINE,
        "EXAMPLES": example.examples(),
        "PROJECT_URLS": _project_urls(),
        "TERMS": columns.TERMS,
        "artist_rows": comparing.artist_rows,
        "board_charts": figures.board_charts,
        "cells": columns.cells,
        "columns": columns.columns,
        "model_chart": figures.model_chart,
        "page_data": comparing.page_data,
        "roll": roll.roll,
        "shade": roll.shade,
        "song_rows": comparing.song_rows,
        "staircase": staircase.staircase,
        "table_data": columns.table_data,
        "training_chart": figures.training_chart,
    }
    return pages


def _script_json(value: Any) -> markupsafe.Markup:
    """Write a value as JSON that is safe inside a script element."""
    import markupsafe

    return markupsafe.Markup(
        json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    )


def _project_urls() -> dict[str, str]:
    """The addresses in the package's metadata, by name."""
    found = importlib.metadata.metadata("fsdl-bench").get_all("Project-URL") or []
    pairs = (line.partition(", ") for line in found)
    return {name: address for name, _, address in pairs if address.startswith("https://")}
