"""Mutopia: the search pages list the pieces; the RDF of a piece tells composer, title and licence.

cgibin/make-table.cgi?startat=0          links to `.mid` files, and to the next pieces (`startat=`)
ftp/<Composer>/<opus>/<piece>/<piece>.rdf    mp:title, mp:composer, mp:licence, mp:opus, mp:style, ...
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

from scrapy.http import Request, Response
from scrapy.selector import Selector

from fsdl_bench.scrape.spider import SongSpider

SITE = "https://www.mutopiaproject.org/"
LICENCES = ("public domain", "attribution")
_SEVERAL = re.compile(r"-mids\.zip$")


class MutopiaSpider(SongSpider):
    """The pieces of Mutopia that have one MIDI file."""

    name = "mutopia"

    def __init__(self, *, site: str = SITE, composer: str = "", **more: Any) -> None:
        super().__init__(licences=LICENCES, **more)
        self.site, self.composer = site, composer

    @property
    def hosts(self) -> set[str | None]:
        """Mutopia's host."""
        return {urlsplit(self.site).hostname}

    def first(self) -> Iterator[Request]:
        """Ask for the first search page."""
        query = f"cgibin/make-table.cgi?startat=0&Composer={self.composer}"
        yield from self.ask(urljoin(self.site, query), self.table)

    def table(self, response: Response) -> Iterator[Request]:
        """Ask for the RDF of every piece, and for the next search page."""
        links = response.css("a::attr(href)").getall()
        for link in links:
            url = response.urljoin(link)
            if url.endswith(".mid"):
                yield from self.ask(url.removesuffix(".mid") + ".rdf", self.facts, cb_kwargs={"midi": url})
            elif _SEVERAL.search(url):
                self.leave_out(url, "several files of one piece")
        start = {int(found[1]) for link in links if (found := re.search(r"[?&;]startat=(\d+)", link))}
        here = re.search(r"[?&;]startat=(\d+)", response.url)
        if following := sorted(number for number in start if here and number > int(here[1])):
            next_page = next(link for link in links if re.search(rf"[?&;]startat={following[0]}(?!\d)", link))
            yield from self.ask(response.urljoin(next_page), self.table)

    def facts(self, response: Response, midi: str) -> Iterator[Request]:
        """Ask for the MIDI file of a piece."""
        page = Selector(text=response.text, type="xml")
        page.remove_namespaces()
        found = {
            name: " ".join(page.xpath(f"//{name}//text()").getall()).strip()
            for name in ("title", "composer", "licence", "opus", "style", "date", "for")
        }
        yield from self.ask(midi, self.piece, cb_kwargs={"facts": found})

    def piece(self, response: Response, facts: dict[str, str]) -> None:
        """Take a piece."""
        if response.body[:4] != b"MThd":
            self.leave_out(response.url, "not a MIDI file")
            return
        extra = {"catalogue": facts["opus"], "genre": facts["style"], "year": facts["date"]}
        self.take(
            response,
            artist=composer_name(facts["composer"]),
            title=" ".join(filter(None, (facts["title"], facts["opus"]))),
            licence=facts["licence"],
            data=response.body,
            suffix=".mid",
            extra=json.dumps({name: value for name, value in extra.items() if value}),
        )


def composer_name(key: str) -> str:
    """Return "J S Bach" for Mutopia's key "BachJS", and "Anonymous" as it is."""
    found = re.fullmatch(r"(\D+?)([A-Z]+)", key)
    return f"{' '.join(found[2])} {found[1]}" if found else key
