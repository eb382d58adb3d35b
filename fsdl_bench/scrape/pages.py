"""The spider of a recipe that a user writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from scrapy.http import Request, Response, TextResponse

from fsdl_bench.scrape.html import words_of
from fsdl_bench.scrape.recipe import Recipe, select
from fsdl_bench.scrape.spider import SongSpider


class PageSpider(SongSpider):
    """Follows the links of a recipe."""

    name = "pages"

    def __init__(self, *, recipe: Recipe, **more: Any) -> None:
        super().__init__(licences=recipe.licences, **more)
        self.recipe = recipe

    @property
    def hosts(self) -> set[str | None]:
        """The hosts of the first pages."""
        return {urlsplit(url).hostname for url in self.recipe.start}

    def first(self) -> Iterator[Request]:
        """Ask for the first pages."""
        for url in self.recipe.start:
            yield from self.ask(url, self.look)

    def look(self, response: Response) -> Iterator[Request]:
        """Follow the links of a page."""
        if not isinstance(response, TextResponse):
            self.leave_out(response.url, "not a page")
            return
        for link in select(response, self.recipe.song.pages).getall():
            yield from self.ask(response.urljoin(link), self.song)
        for query in self.recipe.follow:
            for link in select(response, query).getall():
                yield from self.ask(response.urljoin(link), self.look)

    def song(self, response: Response) -> Iterator[Request]:
        """Take the song of a page, or ask for its file."""
        if not isinstance(response, TextResponse):
            self.leave_out(response.url, "not a page")
            return
        song = self.recipe.song
        known = {
            name: " ".join(select(response, getattr(song, name)).getall())
            for name in ("artist", "title", "licence")
        }
        if song.file:
            links = select(response, song.file).getall()
            if not links:
                self.leave_out(response.url, "no file")
            for link in links[:1]:
                yield from self.ask(response.urljoin(link), self.file, cb_kwargs={"known": known})
            return
        found = select(response, song.text)
        words = "\n\n".join(words_of(one.root, song.drop) for one in found if hasattr(one.root, "tag"))
        if "\ufffd" in words:
            self.leave_out(response.url, "lost bytes (U+FFFD)")
            return
        self.take(response, **known, data=f"{words}\n".encode() if words else b"", suffix=".txt")
        yield from self.look(response)

    def file(self, response: Response, known: dict[str, str]) -> None:
        """Take a MIDI file."""
        if response.body[:4] not in (b"MThd", b"RIFF"):
            self.leave_out(response.url, "not a MIDI file", **known)
        else:
            self.take(response, **known, data=response.body, suffix=".mid")
