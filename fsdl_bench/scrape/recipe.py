"""Recipes: which pages of a site to read, and where a page says artist, title, text or file, and licence.

A TOML file with CSS selectors, or XPath where one begins with `/`:

    start = ["https://example.org/poets/"]
    follow = ["a.poet::attr(href)", "a.next::attr(href)"]
    licences = ["CC BY-SA 4.0", "public domain"]

    [song]
    pages = "a.poem::attr(href)"
    artist = "h2.author::text"
    title = "h1::text"
    text = "div.poem"
    licence = "a[rel=license]::text"

Every page is searched for links to `follow` and to `song.pages`; only hosts of `start` are visited. A song
has `text`, the element with the words, or `file`, a link to a MIDI file. A song is taken only if its licence
contains one of `licences`, whatever the case. `drop` names elements that are no part of the text.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from fsdl_bench.errors import BadInput
from fsdl_bench.frozen import Frozen

Words = Annotated[tuple[str, ...], Field(strict=False)]  # TOML has lists only


class Song(Frozen):
    """The places of a song in a page; see the module."""

    pages: str
    artist: str
    title: str
    licence: str
    text: str = ""
    file: str = ""
    drop: Words = ("script", "style", "nav", "header", "footer")

    @model_validator(mode="after")
    def _one_content(self) -> Song:
        if bool(self.text) == bool(self.file):
            raise ValueError("expected 'text' or 'file', found both or neither")
        return self


class Recipe(Frozen):
    """A site; see the module."""

    start: Annotated[Words, Field(min_length=1)]
    follow: Words = ()
    licences: Annotated[Words, Field(min_length=1)]
    song: Song


def load_recipe(path: Path) -> Recipe:
    """Read a recipe and try its selectors.

    Raises:
        BadInput: there is no such file, a key is wrong, or a selector cannot be parsed.
    """
    from scrapy.selector import Selector

    try:
        recipe = Recipe.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not valid TOML: {error}") from None
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, one['loc'])) or 'the whole'}: {one['msg']}" for one in error.errors()]
        raise BadInput(f"{path} is no recipe:\n" + "\n".join(lines)) from None
    song = recipe.song
    page = Selector(text="<html></html>")
    for query in (*recipe.follow, song.pages, song.artist, song.title, song.licence, song.text, song.file):
        try:
            select(page, query)
        except (ValueError, SyntaxError) as error:
            raise BadInput(f"{path}: the selector {query!r} cannot be parsed: {error}") from None
    return recipe


def select(page: Any, query: str) -> Any:
    """Return what a CSS selector, or an XPath that begins with `/`, finds in a page; nothing for ""."""
    from scrapy.selector import SelectorList

    if not query:
        return SelectorList()
    return page.xpath(query) if query.startswith("/") else page.css(query)
