"""The spiders' common part: take songs with the right licence, and record why other pages are left out."""

from __future__ import annotations

import hashlib
import re
import time
import unicodedata
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urlsplit

import scrapy
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Request, Response
from scrapy.spidermiddlewares.httperror import HttpError

from fsdl_bench.paths import atomic_file
from fsdl_bench.scrape.store import Store

_LONGEST_NAME = 120  # bytes; file systems allow 255
_RESERVED = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')


class SongSpider(scrapy.Spider):
    """A spider that takes songs.

    Args:
        out: the folder to fill.
        licences: a song's licence must contain one of these.
        pages: the most pages to fetch; None for no limit.
    """

    def __init__(self, *, out: Path, licences: Sequence[str], pages: int | None, **more: Any) -> None:
        super().__init__(**more)
        self.out, self.licences, self.most_pages = out, tuple(licences), pages
        self.store = Store(out)
        self._asked: set[str] = set()

    async def start(self) -> AsyncIterator[Request]:
        """Ask for the first pages."""
        for request in self.first():
            yield request

    def first(self) -> Iterator[Request]:
        """Yield the first requests."""
        raise NotImplementedError

    def ask(self, url: str, callback: Any, **more: Any) -> Iterator[Request]:
        """Yield a request, unless the host is another one or the page limit is reached."""
        url = urldefrag(url)[0]
        if urlsplit(url).hostname not in self.hosts or url in self._asked:
            return
        if self.most_pages is not None and len(self._asked) >= self.most_pages:
            self.leave_out(url, "page limit")
            return
        self._asked.add(url)
        # Scrapy's own filter would drop a redirect to a page that was asked for, without a word.
        yield Request(url, callback=callback, errback=self.failed, dont_filter=True, **more)

    @property
    def hosts(self) -> set[str | None]:
        """The hosts that may be visited."""
        raise NotImplementedError

    def failed(self, failure: Any) -> None:
        """Record why a page has no answer."""
        url, error = failure.request.meta.get("redirect_urls", [failure.request.url])[0], failure.value
        if isinstance(error, HttpError):
            self.leave_out(url, f"HTTP {error.response.status}")
        elif isinstance(error, IgnoreRequest):
            self.leave_out(url, str(error) or "ignored")
        else:
            self.leave_out(url, f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")

    def leave_out(self, url: str, reason: str, **known: str) -> None:
        """Record a page that is no song, or a song that is not taken. A song that was taken stays."""
        if not self.store.file_of(url):
            self.store.keep_song(url=url, time=time.time(), reason=reason, **known)

    def take(
        self,
        response: Response,
        *,
        artist: str,
        title: str,
        licence: str,
        data: bytes,
        suffix: str,
        extra: str = "",
    ) -> None:
        """Write a song's file and record it, or record why it is not taken."""
        artist, title, licence = (" ".join(text.split()) for text in (artist, title, licence))
        known = {"artist": artist, "title": title, "licence": licence, "extra": extra}
        url = response.url
        if not any(wanted.casefold() in licence.casefold() for wanted in self.licences):
            self.leave_out(url, "no licence" if not licence else "licence not wanted", **known)
        elif not artist or not title:
            self.leave_out(url, "no artist" if not artist else "no title", **known)
        elif not data.strip():
            self.leave_out(url, "no text" if suffix == ".txt" else "empty file", **known)
        else:
            file = self.store.file_of(url) or self._free_name(url, artist, title, suffix, data)
            path = self.out / file
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_file(path) as temporary:
                temporary.write_bytes(data)
            self.store.keep_song(
                url=url,
                time=response.meta.get("fetched") or time.time(),
                sha256=hashlib.sha256(data).hexdigest(),
                file=file,
                **known,
            )

    def _free_name(self, url: str, artist: str, title: str, suffix: str, data: bytes) -> str:
        """Return `<artist>/<title><suffix>`; if another song has that file, with a part of the URL's hash.

        A file with other content that the store does not know is not ours.
        """
        name = f"{safe_name(artist)}/{safe_name(title)}{suffix}"
        owner, path = self.store.owner_of(name), self.out / name
        if owner == url or (not owner and not (path.exists() and path.read_bytes() != data)):
            return name
        mark = hashlib.sha256(url.encode()).hexdigest()[:8]
        return f"{safe_name(artist)}/{safe_name(title)} [{mark}]{suffix}"

    def closed(self, reason: str) -> None:
        """Close the store."""
        self.reason = reason
        self.store.close()


def safe_name(text: str) -> str:
    """Return a name that every file system takes and that hides nothing."""
    name = _RESERVED.sub("-", unicodedata.normalize("NFC", text)).strip(" .") or "-"
    while len(name.encode("utf-8", "replace")) > _LONGEST_NAME:
        name = name[:-1]
    return name.strip(" .") or "-"
