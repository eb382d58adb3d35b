"""Texts that stand for missing words or for a song without words."""

from __future__ import annotations

import re

_PLACEHOLDERS = frozenset(
    " ".join(words.split())
    for words in """
    instrumental|instrumental track|instrumental only|this song is instrumental|this is an instrumental|
    the song is instrumental|lyrics not available|no lyrics available|lyrics unavailable|not available|
    unavailable|no lyrics|no lyrics found|lyrics not found|not found|lyrics missing|missing lyrics|missing|
    we do not have the lyrics for this song|we do not have the lyrics for this song yet|
    lyrics for this song have yet to be released|lyrics for this song have yet to be released please check
    back once the song has been released|lyrics will be available soon|lyrics coming soon|coming soon|
    lyrics to be added|unreleased|unknown|untitled|tba|tbd|na|n a|nan|none|null|nil|empty|error|test|lyrics|
    deleted|removed|lyrics removed|no text|no content|undefined
    """.split("|")  # noqa: SIM905
)
_WORDS = re.compile(r"[a-z]+")


def is_placeholder(text: str) -> bool:
    """Whether a text stands for missing words or for a song without words."""
    if len(text) > 120:
        return False
    words = " ".join(_WORDS.findall(text.casefold().replace("'", "")))
    return words in _PLACEHOLDERS
