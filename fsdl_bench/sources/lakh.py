"""Lakh, the "clean MIDI subset": 17,000 files of pop and rock by artist and title.

    fsdl-bench build --from DIR --kind midi --name NAME --layout lakh

    DIR/[clean_midi/]<Artist>/<Title>.mid
    DIR/[clean_midi/]<Artist>/<Title>.1.mid         another transcription of that title
    DIR/[clean_midi/]<Artist>/<Title>.2.mid

The folder of a file is the artist. All versions of one title are one work, so an episode never has versions
of one title in both support and query. Titles are compared without case, accents and punctuation. `.1` is a
version only if the folder has another file of that title: "Mambo No.5.mid" keeps its name.

LMD-full and LMD-matched (files named by their MD5) do not name the artist and are refused. The collection has
broken files and wrong artists. Broken files are rejected; wrong artists cannot be detected.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from fsdl_bench.errors import BadInput, Rejected
from fsdl_bench.sources.common.files import FileSource
from fsdl_bench.sources.common.text import readable, same_title
from fsdl_bench.sources.common.tree import Tree

LICENCE = "CC-BY-4.0"

_VERSION = re.compile(r"(.+)\.[1-9]\d?")
_MD5 = re.compile(r"[0-9a-f]{32}")


def open(tree: Tree, *, licence: str = LICENCE) -> Lakh:  # noqa: A001
    """Return the songs of the clean MIDI subset under `tree`."""
    return Lakh(tree, "midi", licence)


class Lakh(FileSource):
    """Songs in artists' folders, several versions of a title; see the module."""

    depth = 2
    layout = "<Artist>/<Title>.mid"

    def survey(self, paths: Sequence[str]) -> None:
        """Count the files of each title."""
        stems = [self._full_stem(path) for path in paths]
        if sum(_MD5.fullmatch(stem.rpartition("/")[2]) is not None for stem in stems) > len(stems) / 2:
            raise BadInput(
                f"expected {self.layout} under {self.tree.root}, found files named by their MD5: LMD-full "
                "and LMD-matched name no artists. Get the 'clean MIDI subset' (clean_midi.tar.gz)."
            )
        self._titles = Counter(_title_key(base) for base in map(_base, stems))
        self._titles.update(_title_key(stem) for stem in stems if _base(stem) != stem)

    def place(self, path: str) -> tuple[str, str, str]:
        """The folder is the artist, the name is the title, with or without a version."""
        parts = path.split("/")
        if len(parts) < self.depth or (len(parts) == self.depth and parts[-2] == "clean_midi"):
            raise Rejected("not in the layout", f"expected {self.layout}")
        stem = self._full_stem(path)
        base = _base(stem)
        title = readable((base if self._titles[_title_key(base)] > 1 else stem).rpartition("/")[2])
        return readable(parts[-2]), title, same_title(title)

    def _full_stem(self, path: str) -> str:
        return path[: len(path) - len(path.rpartition("/")[2])] + self.stem(path)


def _base(stem: str) -> str:
    match = _VERSION.fullmatch(stem)
    return match.group(1) if match else stem


def _title_key(stem: str) -> tuple[str, str]:
    folder, _, name = stem.rpartition("/")
    return folder, same_title(name)
