"""Two things that Scrapy lacks: to keep answers safely, and to wait as long as a server asks."""

from __future__ import annotations

import asyncio
import email.utils
import time
from pathlib import Path
from typing import Any

from scrapy.downloadermiddlewares.retry import RetryMiddleware
from scrapy.http import Headers, Request, Response
from scrapy.responsetypes import responsetypes

from fsdl_bench.scrape.store import Store

LONGEST_WAIT = 600.0
"""Seconds that a run waits for a server at most; a server that asks for more is left alone."""


class CacheStorage:
    """Scrapy's HTTP cache in the run's `Store`."""

    def __init__(self, settings: Any) -> None:
        self._out = Path(settings["FSDL_OUT"])

    def open_spider(self, spider: Any) -> None:
        """Open the store."""
        self._fingerprint = spider.crawler.request_fingerprinter.fingerprint
        self._store = Store(self._out)

    def close_spider(self, spider: Any) -> None:  # noqa: ARG002
        """Close the store."""
        self._store.close()

    def retrieve_response(self, spider: Any, request: Request) -> Response | None:  # noqa: ARG002
        """Return an answer that was kept."""
        kept = self._store.page(self._fingerprint(request).hex())
        if kept is None:
            return None
        when, status, url, headers, body = kept
        request.meta["fetched"] = when
        kind = responsetypes.from_args(headers=Headers(headers), url=url, body=body)
        return kind(url=url, headers=Headers(headers), status=status, body=body)

    def store_response(self, spider: Any, request: Request, response: Response) -> None:  # noqa: ARG002
        """Keep an answer."""
        headers = {
            name.decode("latin-1"): [value.decode("latin-1") for value in values]
            for name, values in response.headers.items()
        }
        key = self._fingerprint(request).hex()
        self._store.keep_page(key, response.status, response.url, headers, response.body)


class WaitMiddleware(RetryMiddleware):
    """Tries again after 429 and 503 when the server says (`Retry-After`), else after 1, 2, 4, ... seconds."""

    def process_response(self, request: Request, response: Response, spider: Any = None) -> Any:  # noqa: ARG002
        """Pause all requests, and return the request again."""
        if response.status not in (429, 503) or request.meta.get("dont_retry"):
            return super().process_response(request, response)
        asked = retry_after(response)
        wait = float(2 ** request.meta.get("retry_times", 0)) if asked is None else asked
        if wait > LONGEST_WAIT:
            return response
        again = self._retry(request, f"{response.status}, waiting {wait:.0f} s")
        if again is None:
            return response
        self._pause(wait)
        return again

    def _pause(self, seconds: float) -> None:
        engine, loop = self.crawler.engine, asyncio.get_running_loop()
        engine.pause()
        self._until = max(getattr(self, "_until", 0.0), time.monotonic() + seconds)

        def go_on() -> None:
            left = self._until - time.monotonic()
            if left <= 0.01:
                engine.unpause()
            else:
                loop.call_later(left, go_on)

        loop.call_later(seconds, go_on)


def retry_after(response: Response) -> float | None:
    """Return the seconds that `Retry-After` asks for, a number or a date; None if it does not say."""
    value = (response.headers.get("Retry-After") or b"").decode("latin-1").strip()
    if value.isdigit():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
