"""ADL Piano MIDI: 11,086 piano pieces, most of them the piano parts of Lakh's files.

    fsdl-bench build --from DIR --kind midi --name NAME --layout adl

    DIR/[adl-piano-midi/]<Genre>/<Subgenre>/<Artist>/<Song>.mid

The folder of a file is the artist; genre and subgenre are metadata. Versions of a title are one work, as in
`fsdl_bench.sources.lakh`.
"""

from __future__ import annotations

from fsdl_bench.metadata import Metadata
from fsdl_bench.sources.common.text import readable
from fsdl_bench.sources.common.tree import Tree
from fsdl_bench.sources.lakh import LICENCE, Lakh


def open(tree: Tree, *, licence: str = LICENCE) -> Adl:  # noqa: A001
    """Return the songs of ADL Piano MIDI under `tree`."""
    return Adl(tree, "midi", licence)


class Adl(Lakh):
    """Songs below genre, subgenre and artist; see the module."""

    depth = 4
    layout = "<Genre>/<Subgenre>/<Artist>/<Song>.mid"

    def metadata(self, path: str) -> Metadata:
        """The genre, and the subgenre as a tag."""
        genre, subgenre = path.split("/")[-4:-2]
        return Metadata(genre=readable(genre), tags=(readable(subgenre),))
