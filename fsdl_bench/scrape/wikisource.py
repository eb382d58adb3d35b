"""Wikisource: the works in a category, by the MediaWiki API.

Templates, notes and page numbers are no part of the words.

api.php?action=query&list=categorymembers&cmtitle=Category:Poems by ...
api.php?action=parse&page=...&prop=text
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from lxml import html  # type: ignore[import-untyped]
from scrapy.http import Request, Response

from fsdl_bench.scrape.html import words_of
from fsdl_bench.scrape.spider import SongSpider

SITE = "https://en.wikisource.org/w/"
LICENCE = "CC BY-SA 4.0"
DROP = (
    ".mw-editsection", ".noprint", ".ws-noexport", ".pagenum", ".reference", ".references", "table", "style",
    ".mw-references-wrap", ".ws-header", ".headertemplate", ".header", ".licenseContainer", ".navbox", ".toc",
    "script", ".sister-project", ".similar", ".dynlayout-exempt",
)  # fmt: skip


class WikisourceSpider(SongSpider):
    """The works of one author: all pages of a category.

    Args:
        category: such as "Poems by Emily Dickinson".
        artist: the author's name.
        site: the folder of `api.php`.
    """

    name = "wikisource"

    def __init__(self, *, category: str = "", artist: str = "", site: str = SITE, **more: Any) -> None:
        super().__init__(licences=(LICENCE,), **more)
        self.category, self.artist, self.site = category, artist, site

    @property
    def hosts(self) -> set[str | None]:
        """The host of the API."""
        return {urlsplit(self.site).hostname}

    def _call(self, callback: Any, **query: Any) -> Iterator[Request]:
        words = urlencode(query | {"format": "json", "formatversion": 2, "maxlag": 5})
        yield from self.ask(urljoin(self.site, f"api.php?{words}"), callback)

    def first(self) -> Iterator[Request]:
        """Ask for the members of the category."""
        yield from self._members()

    def _members(self, **more: str) -> Iterator[Request]:
        yield from self._call(
            self.members,
            action="query",
            list="categorymembers",
            cmtitle=f"Category:{self.category}",
            cmlimit=500,
            cmnamespace=0,
            **more,
        )

    def members(self, response: Response) -> Iterator[Request]:
        """Ask for every page, and for more members."""
        answer = json.loads(response.text)
        for page in answer.get("query", {}).get("categorymembers", []):
            yield from self._call(self.work, action="parse", page=page["title"], prop="text", redirects=1)
        if following := answer.get("continue", {}).get("cmcontinue"):
            yield from self._members(cmcontinue=following)

    def work(self, response: Response) -> None:
        """Take the poem of a page: its elements of class `poem`, or all of it."""
        answer = json.loads(response.text)
        if "parse" not in answer:
            self.leave_out(response.url, answer.get("error", {}).get("info", "no page"))
            return
        page = html.fromstring(f"<div>{answer['parse']['text']}</div>")
        for part in page.xpath("//*[@id='disambigbox'] | //*[contains(@class, 'disambig')]"):
            self.leave_out(response.url, f"a list of works: {part.get('class') or part.get('id')}")
            return
        poems = page.xpath("//*[contains(concat(' ', @class, ' '), ' poem ')]")
        words = "\n\n".join(filter(None, (words_of(part, DROP) for part in poems or [page])))
        self.take(
            response,
            artist=self.artist,
            title=answer["parse"]["title"],
            licence=LICENCE,
            data=f"{words}\n".encode() if words else b"",
            suffix=".txt",
        )
