"""The pages and decisions of a scrape in one SQLite file: a killed run loses and repeats nothing.

`pages` is the HTTP cache: an answer is committed before anything is made of it. `songs` has one row for each
song and each page that was left out. A rerun reads every page from the cache and goes on where the kill came.
"""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path
from typing import Any

FOLDER = ".scrape"
_TABLES = """
create table if not exists pages (key text primary key, time real, status integer, url text, headers text,
                                  body blob);
create table if not exists songs (url text primary key, time real, sha256 text, licence text, artist text,
                                  title text, file text, reason text, extra text);
create index if not exists files on songs (lower(file));
"""
COLUMNS = ("url", "time", "sha256", "licence", "artist", "title", "file", "reason", "extra")


class Store:
    """The file `<out>/.scrape/state.sqlite`."""

    def __init__(self, out: Path) -> None:
        place = out / FOLDER
        place.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(place / "state.sqlite", isolation_level=None)
        self._database.execute("pragma journal_mode = wal")
        self._database.execute("pragma synchronous = normal")
        self._database.executescript(_TABLES)

    def page(self, key: str) -> tuple[float, int, str, dict[str, list[str]], bytes] | None:
        """Return time, status, URL, headers and body of an answer."""
        row = self._database.execute(
            "select time, status, url, headers, body from pages where key = ?", [key]
        ).fetchone()
        return None if row is None else (*row[:3], json.loads(row[3]), row[4])

    def keep_page(self, key: str, status: int, url: str, headers: dict[str, list[str]], body: bytes) -> None:
        """Keep an answer."""
        self._database.execute(
            "insert or replace into pages values (?, ?, ?, ?, ?, ?)",
            [key, time.time(), status, url, json.dumps(headers), body],
        )

    def file_of(self, url: str) -> str:
        """Return the file of a song; "" if it has none yet."""
        row = self._database.execute("select file from songs where url = ?", [url]).fetchone()
        return row[0] if row else ""

    def owner_of(self, file: str) -> str:
        """Return the URL of the song in a file; "" if the file is free. Names differ by more than case."""
        row = self._database.execute("select url from songs where lower(file) = lower(?)", [file]).fetchone()
        return row[0] if row else ""

    def keep_song(self, **columns: Any) -> None:
        """Keep a song, or the reason why a page was left out."""
        row = [columns.get(name, "") for name in COLUMNS]
        self._database.execute(f"insert or replace into songs values ({', '.join('?' * len(row))})", row)

    def songs(self) -> list[dict[str, Any]]:
        """Return all rows by URL."""
        found = self._database.execute(f"select {', '.join(COLUMNS)} from songs order by url")
        return [dict(zip(COLUMNS, row, strict=True)) for row in found]

    def close(self) -> None:
        """Close the file."""
        self._database.close()
