"""Pages a second of our spider and of bare Scrapy, on the same site on loopback.

    python benchmarks/scrape.py [--songs N] [--rounds N]

The site has N songs and an index page for 20 of them. Both spiders obey robots.txt, ask for one page at a
time without a delay, keep an HTTP cache, and take artist, title, licence and text of each song. Ours is the
command `scrape` with a recipe: it also checks licences, writes one file for each song, and keeps a store that
survives a kill. Bare Scrapy writes one JSON line for each song, with its own storage of the cache. Each run
is a process of its own with an empty folder; its time is that between the first and the last answer of the
site. The figures are the best of the rounds, taken in turn. To reach: 0.9 of bare Scrapy's pages a second.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

RECIPE = """
start = ["{url}/"]
follow = ["a.next::attr(href)"]
licences = ["CC BY-SA 4.0"]
[song]
pages = "a.song::attr(href)"
artist = "h2::text"
title = "h1::text"
text = ".text"
licence = "a[rel=license]::text"
"""

BARE = """
import sys, scrapy
from scrapy.crawler import CrawlerProcess

class Bare(scrapy.Spider):
    name = "bare"
    start_urls = [sys.argv[1] + "/"]
    def parse(self, page):
        for link in page.css("a.next::attr(href)").getall():
            yield page.follow(link, self.parse)
        for link in page.css("a.song::attr(href)").getall():
            yield page.follow(link, self.song)
    def song(self, page):
        yield {"artist": page.css("h2::text").get(), "title": page.css("h1::text").get(),
               "licence": page.css("a[rel=license]::text").get(), "url": page.url,
               "text": "".join(page.css(".text ::text").getall())}

process = CrawlerProcess({
    "ROBOTSTXT_OBEY": True, "AUTOTHROTTLE_ENABLED": True, "AUTOTHROTTLE_START_DELAY": 0, "DOWNLOAD_DELAY": 0,
    "CONCURRENT_REQUESTS_PER_DOMAIN": 1, "COOKIES_ENABLED": False, "TELNETCONSOLE_ENABLED": False,
    "HTTPCACHE_ENABLED": True, "HTTPCACHE_DIR": sys.argv[2] + "/cache", "LOG_LEVEL": "ERROR",
    "FEEDS": {sys.argv[2] + "/songs.jsonl": {"format": "jsonlines"}},
})
process.crawl(Bare)
process.start()
"""


def main() -> None:
    """Print pages a second of both, and the ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--songs", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    best = {"ours": 0.0, "bare": 0.0}
    with Site(options.songs) as site:
        for _ in range(options.rounds):
            for name in best:
                best[name] = max(best[name], rate(name, site, options.songs))
    for name, pages in best.items():
        print(f"{name:6} {pages:8.1f} pages/s")
    print(f"ours / bare {best['ours'] / best['bare']:.2f}   (to reach: 0.9)")


def rate(name: str, site: Site, songs: int) -> float:
    """Return the pages a second of one run, and check that it took every song."""
    site.times.clear()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if name == "ours":
            recipe = place / "recipe.toml"
            recipe.write_text(RECIPE.format(url=site.url))
            words = ["-m", "fsdl_bench", "scrape", str(recipe), "--out", f"{place}/out", "--delay", "0"]
            run([*words, "--contact", "benchmark@example.org"])
            taken = len(list((place / "out").rglob("*.txt")))
        else:
            (place / "bare.py").write_text(BARE)  # Scrapy reads the source of its callbacks
            run([str(place / "bare.py"), site.url, folder])
            taken = len([json.loads(line) for line in (place / "songs.jsonl").read_text().splitlines()])
    if taken != songs:
        raise SystemExit(f"{name} took {taken} of {songs} songs")
    return (len(site.times) - 1) / (site.times[-1] - site.times[0])


def run(words: list[str]) -> None:
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Site:
    """A site on loopback. `times` holds the time of each answer but those for robots.txt."""

    def __init__(self, songs: int) -> None:
        self.times: list[float] = []
        pages = {"/robots.txt": b"User-agent: *\nDisallow: /private/\n"}
        for start in range(0, songs, 20):
            links = "".join(
                f"<a class=song href=/song/{n}>{n}</a>" for n in range(start, min(start + 20, songs))
            )
            more = f"<a class=next href=/index/{start + 20}>next</a>" if start + 20 < songs else ""
            pages[f"/index/{start}" if start else "/"] = f"<html><body>{links}{more}</body></html>".encode()
        for n in range(songs):
            lines = "<br>".join(f"line {line} of song {n}" for line in range(40))
            pages[f"/song/{n}"] = (
                f"<html><body><h2>Artist {n % 20}</h2><h1>Song {n}</h1><div class=text>{lines}</div>"
                "<a rel=license>CC BY-SA 4.0</a></body></html>"
            ).encode()
        times = self.times

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = pages.get(self.path, b"")
                self.send_response(200 if body else 404)
                kind = "text/plain" if self.path == "/robots.txt" else "text/html; charset=utf-8"
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                if self.path != "/robots.txt":
                    times.append(time.monotonic())

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Site:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


if __name__ == "__main__":
    main()
