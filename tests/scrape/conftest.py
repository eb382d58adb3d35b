"""A site on loopback with everything that goes wrong, and the command that scrapes it."""

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pandas as pd
import pytest

CONTACT = "tests@example.org"


class Site:
    """Answers of a site: path -> a function of the handler, or (status, headers, body)."""

    def __init__(self):
        self.pages = {"/robots.txt": (200, {}, b"User-agent: *\nDisallow: /private/\n")}
        self.counts = Counter()
        self.times = {}
        self.agents = set()
        self.slow = 0.0
        self.url = ""

    def page(self, path, body, status=200, kind="text/html; charset=utf-8", **headers):
        data = body if isinstance(body, bytes) else body.encode()
        self.pages[path] = (status, {"Content-Type": kind, **headers}, data)

    def poem(
        self, path, *, artist="Ada", title="A Poem", words="one<br>two", licence="CC BY-SA 4.0", more=""
    ):
        self.page(
            path,
            f"<html><body><h2>{artist}</h2><h1>{title}</h1><div class=poem>{words}</div>"
            f"<p><a rel=license>{licence}</a></p>{more}</body></html>",
        )


@pytest.fixture
def site():
    found = Site()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            found.counts[self.path] += 1
            found.times.setdefault(self.path, []).append(time.monotonic())
            found.agents.add(self.headers["User-Agent"])
            time.sleep(found.slow)
            answer = found.pages.get(self.path, (404, {}, b"nothing"))
            with suppress(BrokenPipeError, ConnectionResetError):
                if callable(answer):
                    answer = answer(self)
                if answer is not None:
                    status, headers, body = answer
                    self.send_response(status)
                    for name, value in {"Content-Length": str(len(body)), **headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


RECIPE = """
start = ["{url}/"]
follow = ["a.more::attr(href)"]
licences = ["cc by-sa", "public domain"]
[song]
pages = "a.poem::attr(href)"
artist = "h2::text"
title = "h1::text"
text = ".poem"
licence = "a[rel=license]::text"
"""


@pytest.fixture
def command(site, tmp_path):
    """A function that returns the command line for a recipe."""

    def words(recipe=RECIPE, *more, out="out"):
        if not recipe.isidentifier():
            path = tmp_path / "recipe.toml"
            path.write_text(recipe.format(url=site.url))
            recipe = str(path)
        return [
            *(sys.executable, "-m", "fsdl_bench", "scrape", recipe, "--out", str(tmp_path / out)),
            *("--contact", CONTACT, "--delay", "0", "--timeout", "2", *more),
        ]

    return words


@pytest.fixture
def scrape(command, tmp_path):
    """A function that scrapes, and returns the process and the table by URL without the host."""

    def run(*more, out="out", recipe=RECIPE):
        environment = os.environ | {"no_proxy": "*"}
        done = subprocess.run(
            command(recipe, *more, out=out), capture_output=True, text=True, timeout=120, env=environment
        )
        place = tmp_path / out / "metadata.parquet"
        table = pd.read_parquet(place) if place.exists() else pd.DataFrame(columns=["url"])
        table.index = table.url.str.replace(r"^https?://[^/]+", "", regex=True)
        return done, table

    return run


@pytest.fixture
def as_json():
    """A function that makes an answer of the MediaWiki API."""

    def answer(value):
        return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()

    return answer
