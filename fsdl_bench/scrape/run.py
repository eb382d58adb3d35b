"""Run a recipe: Scrapy with polite settings, a store that survives a kill, and a table of what was found."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fsdl_bench.errors import BadInput
from fsdl_bench.paths import atomic_file
from fsdl_bench.scrape.store import FOLDER, Store
from fsdl_bench.versions import __version__

TABLE = "metadata.parquet"
LARGEST_PAGE = 16 << 20
RECIPES = ("mutopia", "wikisource")


def scrape(
    recipe: str,
    out: Path,
    *,
    contact: str,
    options: dict[str, str] | None = None,
    pages: int | None = None,
    timeout: float = 60.0,
    delay: float = 1.0,
    progress: bool = True,
) -> Counter[str]:
    """Fill a folder with the songs of a site, and write `metadata.parquet`.

    A killed or interrupted run continues when it is called again: pages that were fetched are read from the
    folder.

    Args:
        recipe: "mutopia", "wikisource" or the path of a `.toml` file.
        out: the folder, `<artist>/<title>.txt` or `.mid`.
        contact: an address or page of the one who runs it, for the user agent.
        options: of the recipes that come with the package: `category` and `artist` of Wikisource, `composer`
            of Mutopia.
        pages: the most pages to ask for.
        timeout: seconds for one page.
        delay: seconds between two pages of a site, at least.
        progress: print one line every ten seconds on standard error.

    Returns:
        "taken", "interrupted" if the run was, and the reasons of everything that was left out, with counts.

    Raises:
        BadInput: Scrapy is not installed, an argument is wrong, or `out` has a table of another kind.
    """
    try:
        from scrapy.crawler import CrawlerProcess
    except ImportError:
        raise BadInput("scraping needs Scrapy: pip install 'fsdl-bench[scrape]'") from None
    if not contact.strip() or not contact.isprintable():
        raise BadInput("--contact: give an address or page where the site's owner can reach you")
    if (out / TABLE).exists() and not (out / FOLDER).is_dir():
        raise BadInput(
            f"{out}: expected a folder of an earlier scrape, or one without {TABLE}; give another --out"
        )
    spider, given = _spider(recipe, options or {})
    out.mkdir(parents=True, exist_ok=True)
    process = CrawlerProcess(_settings(out, contact, timeout, delay, progress), install_root_handler=progress)
    crawler = process.create_crawler(spider)
    process.crawl(crawler, out=out, pages=pages, **given)
    process.start()
    reason = getattr(crawler.spider, "reason", "finished")
    found = write_table(out)
    if reason != "finished":
        found["interrupted"] += 1
    return found


def _spider(recipe: str, options: dict[str, str]) -> tuple[Any, dict[str, Any]]:
    if recipe.endswith(".toml"):
        from fsdl_bench.scrape.pages import PageSpider
        from fsdl_bench.scrape.recipe import load_recipe

        if options:
            raise BadInput(f"--set: a recipe of your own has no options, found {', '.join(options)}")
        return PageSpider, {"recipe": load_recipe(Path(recipe))}
    if recipe == "mutopia":
        from fsdl_bench.scrape.mutopia import MutopiaSpider

        return MutopiaSpider, _known(options, {"composer", "site"})
    if recipe == "wikisource":
        from fsdl_bench.scrape.wikisource import WikisourceSpider

        if not options.get("category") or not options.get("artist"):
            raise BadInput("wikisource: expected --set category=... and --set artist=...")
        return WikisourceSpider, _known(options, {"category", "artist", "site"})
    raise BadInput(f"there is no recipe {recipe!r}: expected {', '.join(RECIPES)} or a .toml file")


def _known(options: dict[str, str], names: set[str]) -> dict[str, str]:
    if unknown := sorted(set(options) - names):
        raise BadInput(f"--set {', '.join(unknown)}: expected {', '.join(sorted(names))}")
    return options


def _settings(out: Path, contact: str, timeout: float, delay: float, progress: bool) -> dict[str, Any]:
    return {
        "FSDL_OUT": str(out),
        "USER_AGENT": f"fsdl-bench/{__version__} (+{contact})",
        "ROBOTSTXT_OBEY": True,
        "AUTOTHROTTLE_ENABLED": True,
        "AUTOTHROTTLE_START_DELAY": delay,
        "DOWNLOAD_DELAY": delay,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 1,
        "COOKIES_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False,
        "HTTPCACHE_ENABLED": True,
        "HTTPCACHE_STORAGE": "fsdl_bench.scrape.politeness.CacheStorage",
        "HTTPCACHE_IGNORE_HTTP_CODES": [408, 429, *range(500, 600)],
        "DOWNLOADER_MIDDLEWARES": {
            "scrapy.downloadermiddlewares.retry.RetryMiddleware": None,
            "fsdl_bench.scrape.politeness.WaitMiddleware": 550,
        },
        "RETRY_TIMES": 5,
        "REDIRECT_MAX_TIMES": 5,
        "DOWNLOAD_MAXSIZE": LARGEST_PAGE,
        "DOWNLOAD_WARNSIZE": 0,
        "DOWNLOAD_TIMEOUT": timeout,
        "LOG_LEVEL": "INFO" if progress else "ERROR",
        "LOGSTATS_INTERVAL": 10.0,
    }


def write_table(out: Path) -> Counter[str]:
    """Write `metadata.parquet` from the store: one row for each song, and for each page that was left out.

    Columns: url, time, sha256, licence, artist, title, file ("" if it was not taken), reason, and `extra`,
    what else the page tells, as JSON.
    """
    store = Store(out)
    rows = store.songs()
    store.close()
    for row in rows:
        row["time"] = datetime.fromtimestamp(row["time"] or 0, UTC)

    names = ("url", "sha256", "licence", "artist", "title", "file", "reason", "extra")
    schema = pa.schema([("time", pa.timestamp("us", "UTC")), *((name, pa.string()) for name in names)])
    with atomic_file(out / TABLE) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema), temporary, compression="zstd")
    return Counter("taken" if row["file"] else row["reason"] for row in rows)
