"""Cleaner: removes from the texts of one collection what is not lyrics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fsdl_bench.errors import Rejected
from fsdl_bench.sources.cleaning.notation import LINE_BREAKS, line_breaks, line_ends
from fsdl_bench.sources.cleaning.pages import without_boilerplate
from fsdl_bench.sources.cleaning.placeholders import folded, is_placeholder
from fsdl_bench.sources.cleaning.shared import FIRST, LAST, Sample, learn, strip

SAMPLE = 400
"""Texts that a survey looks at."""

_TEXT = "text "
_ARTISTS = 3  # that have the same short text

SHARED = "last lines that most songs share"
FIRST_LINES = "first lines that most songs share"


class Spread:
    """Samples spread evenly over a collection whose size is not known beforehand.

    Ask `wants` once for each text, and `add` those that it wants.
    """

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self._step, self._seen = 1, 0

    def wants(self) -> bool:
        """Return whether the next text belongs to the samples."""
        self._seen += 1
        return (self._seen - 1) % self._step == 0

    def add(self, sample: Sample) -> None:
        """Keep a text; at twice as many as a survey needs, let every other one go."""
        self.samples.append(sample)
        if len(self.samples) == 2 * SAMPLE:
            self.samples = self.samples[::2]
            self._step *= 2


@dataclass(frozen=True)
class Cleaner:
    """Cleans the texts of one collection.

    Attributes:
        shared: what most texts share at their ends; see `fsdl_bench.sources.cleaning.shared`.
    """

    shared: frozenset[str] = frozenset()

    @classmethod
    def survey(cls, texts: Iterable[str | Sample]) -> Cleaner:
        """Return a cleaner that knows what most of some texts share at their ends."""
        plain = cls()
        samples = []
        for text in texts:
            sample = text if isinstance(text, Sample) else Sample(text)
            try:
                cleaned, _ = plain.clean(sample.text, sample.title, sample.artist)
            except Rejected:
                continue
            samples.append(Sample(cleaned, sample.artist, sample.title))
        same = _same_under_several_artists(samples)
        last = learn(samples, LAST)
        left = [Sample(strip(s, last, LAST), s.artist, s.title) for s in samples]
        return cls(same | last | learn(left, FIRST))

    def clean(self, text: str, title: str = "", artist: str = "") -> tuple[str, tuple[str, ...]]:
        """Return the text without what is not lyrics, and what was removed, each kind once.

        Args:
            text: as the file has it.
            title: of the song; some pages begin with it.
            artist: of the song; some headers and footers name it.

        Raises:
            Rejected: the text stands for a song without words, or nothing is left.
        """
        removed: list[str] = []
        text = line_ends(text)
        broken = line_breaks(text)
        if broken != text:
            removed.append(LINE_BREAKS)
        text = broken
        text, found = without_boilerplate(text, title, artist)
        removed += found
        for name, side in ((SHARED, LAST), (FIRST_LINES, FIRST)):
            kept = strip(Sample(text, artist, title), self.shared, side)
            if kept != text:
                text = kept
                removed.append(name)
        if is_placeholder(text) or (self.shared and f"{_TEXT}{folded(text)}" in self.shared):
            raise Rejected("placeholder, no lyrics", " ".join(text.split())[:80])
        return text, tuple(dict.fromkeys(removed))


def _same_under_several_artists(samples: Sequence[Sample]) -> frozenset[str]:
    """Return the short texts that a site shows for missing lyrics: several artists have them, word for word.

    If most texts are short, they are lines of songs, which several artists may have.
    """
    short = [(text, sample.artist) for sample in samples if sample.artist and (text := folded(sample.text))]
    if 2 * len(short) > len(samples):
        return frozenset()
    artists: dict[str, set[str]] = {}
    for text, artist in short:
        artists.setdefault(text, set()).add(artist)
    return frozenset(f"{_TEXT}{text}" for text, who in artists.items() if len(who) >= _ARTISTS)
