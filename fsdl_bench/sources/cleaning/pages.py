"""Boilerplate of pages of lyrics sites."""

from __future__ import annotations

import re

SITES: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "header of a lyrics page",
        re.compile(r"\A\s*\d+\s*Contributors?[^\n]*?Lyrics(?:[^\n]{0,2000}?Read More[ \t\u00a0]*)?"),
    ),
    (
        "advertisement",
        re.compile(r"See [^\n]{1,100}? ?Live ?Get tickets as low as \$\d+ ?(?:You might also like)?"),
    ),
    (
        "advertisement",
        re.compile(r"^[ \t]*You might also like[ \t]*$\n?|You might also like(?=[\[\S])", re.M),
    ),
    (
        "end of a lyrics page",
        re.compile(r"(?<=[^\s\d.])\d*(?:\.\d+)?K?Embed\s*\Z|^\d*(?:\.\d+)?K?Embed\s*\Z", re.M),
    ),
    (
        "notice of a lyrics page",
        re.compile(
            r"(?:\.\.\.)?\s*\*{3,} ?This Lyrics is NOT for Commercial use ?\*{3,}\s*(?:\(\d+\))?\s*\Z", re.I
        ),
    ),
    ("notice of a lyrics page", re.compile(r"^[ \t]*Submit Corrections[ \t]*\n?", re.M | re.I)),
    (
        "notice of a lyrics page",
        re.compile(
            r"^[ \t]*Thanks to .{1,200}? for (?:adding|correcting) these lyrics\.?[ \t]*\n?", re.M | re.I
        ),
    ),
)
