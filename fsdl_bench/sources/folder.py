"""Any folder that has one folder per artist.

    fsdl-bench build --from DIR --kind midi --name NAME
    fsdl-bench build --from DIR --kind lyrics --name NAME

    DIR/<artist>/<song>.mid
    DIR/<artist>/<album>/<song>.mid         albums, discs and years may nest as they like
    DIR/<artist>/<song>.txt                 with --kind lyrics; UTF-8, UTF-16 or Windows-1252

    DIR/<artist>/<song>.mxl                 with 'fsdl-bench[scores]': .mxl .musicxml .xml .mei .krn
    DIR/<artist>/<tunes>.abc                each tune is a song

The first folder is the artist, the file name is the title, and each song is a work of its own. Suffixes may
be upper case (`.MID`); `.mid`, `.midi`, `.kar`, `.smf` and `.rmi` are MIDI. A file with another suffix or
none is MIDI if it begins like one, and lyrics if it has no suffix. Names that are not UTF-8 are read as
Windows-1252. `rejected.parquet` lists what was left out, with the reason: files outside the artists' folders,
other files, hidden files, README and LICENSE (see `fsdl_bench.sources.common.junk`), scripts, empty and
unreadable files, broken links, pipes.

If DIR has a `metadata.parquet` of `fsdl-bench scrape`, its licences and addresses are used.

Two options fit other layouts:

    --set level=2                           DIR/<genre>/<artist>/<song>.mid
    --set level=-1                          DIR/a/<artist>/<song>.mid, DIR/b/c/<artist>/<song>.mid
    --set "pattern={artist} - {title}"      DIR/<artist> - <title>.mid, in any folder; any dash will do

From lyrics, headers and ends of lyrics pages, and first and last lines that most songs share are removed, and
line breaks in other notations become line breaks (`fsdl_bench.sources.cleaning`). The build says in how many
songs. `--set clean=false` keeps every text as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress

from fsdl_bench.errors import BadInput, Rejected
from fsdl_bench.metadata import NOTHING, Metadata
from fsdl_bench.songs import Kind
from fsdl_bench.sources.cleaning import SAMPLE, Cleaner, Sample, is_no_artist
from fsdl_bench.sources.common.files import FileSource
from fsdl_bench.sources.common.junk import is_junk, is_repository
from fsdl_bench.sources.common.scraped import TABLE, scraped
from fsdl_bench.sources.common.text import decode_text, printable, readable
from fsdl_bench.sources.common.tree import Tree


def open(  # noqa: A001
    tree: Tree,
    *,
    kind: Kind,
    licence: str = "unknown",
    encoding: str = "",
    clean: bool = True,
    level: int = 1,
    pattern: str = "",
) -> Folder:
    """Return the songs under `tree`, by their folders.

    Args:
        tree: the folder of the artists' folders.
        kind: `lyrics` or `midi`.
        licence: of all songs.
        encoding: of text files, a Python codec name; detected if empty (see
            `fsdl_bench.sources.common.text`).
        clean: remove from lyrics what is no part of them (see `fsdl_bench.sources.cleaning`).
        level: which folder is the artist's: 1 is the first below `tree`, 2 the second; -1 is the folder that
            contains the file, -2 the one above.
        pattern: how a file's name without its suffix is made up, such as `{artist} - {title}`. Without
            `{artist}`, the artist is the folder's name.

    Raises:
        BadInput: `level` is 0, or `pattern` has no `{title}` or an unknown field.
    """
    return Folder(tree, kind, licence, encoding or None, clean, Names(level, pattern))


class Folder(FileSource):
    """Songs in artists' folders; see the module."""

    def __init__(
        self, tree: Tree, kind: Kind, licence: str, encoding: str | None, clean: bool, names: Names
    ) -> None:
        super().__init__(tree, kind, licence, encoding)
        self._clean, self._names = clean, names
        self._scraped: dict[str, tuple[str, Metadata]] = {}
        self._repository = False

    def survey(self, paths: Sequence[str]) -> None:
        """Read the table of a scrape; look at some texts, to know what most of them share at their ends."""
        self._read_scrape()
        self._repository = is_repository(self.tree.root)
        if self._clean and self.kind == "lyrics":
            chosen = paths[:: max(1, len(paths) // SAMPLE)]
            self._cleaner = Cleaner.survey(self._texts(chosen))

    def _read_scrape(self) -> None:
        """Read the table of a scrape. Another table of that name is one of the files that were left out."""
        try:
            self._scraped = scraped(self.tree)
        except Rejected as error:
            self.rejected[:] = [entry for entry in self.rejected if entry[0] != TABLE]
            self.rejected.append((TABLE, error.reason, error.detail))

    def metadata(self, path: str) -> Metadata:
        """Return what the table of a scrape tells."""
        return self._scraped[path][1] if path in self._scraped else NOTHING

    def licence(self, path: str) -> str:
        """Return the licence that the table of a scrape names, else that of all songs."""
        return self._scraped[path][0] if path in self._scraped else self._licence

    def surveyed(self) -> list[str]:
        """Return what reading a song depends on besides its file."""
        return sorted(self._cleaner.shared) if self._cleaner else []

    def _texts(self, paths: Sequence[str]) -> Iterator[Sample]:
        for path in paths:
            with suppress(Rejected):
                artist, title, _ = self.place(path)
                yield Sample(decode_text(self.tree.read(path), self._encoding), artist, title)

    def place(self, path: str) -> tuple[str, str, str]:
        """Artist and title by the folder and the name of the file; each song is a work of its own."""
        if is_junk(path, self._repository):
            raise Rejected("not a song", "a file of a repository or of the system")
        artist, title = self._names.split(path.split("/")[:-1], self.stem(path))
        artist = readable(artist)
        if self._clean and is_no_artist(artist):
            raise Rejected("no artist name", artist)
        return artist, readable(title), ""


_DASH = "[-\u2010-\u2015\u2212]"  # a hyphen, an en dash, an em dash, a minus sign, ...


class Names:
    """Find the artist and the title in a path.

    Args:
        level, pattern: see `open`.
    """

    def __init__(self, level: int, pattern: str) -> None:
        if level == 0:
            raise BadInput("option level: 1 is the first folder, -1 the folder of the file; found 0")
        self.level, self.pattern = level, pattern
        self.fields = re.findall(r"\{(\w*)\}", pattern)
        if pattern and ("title" not in self.fields or not {"title", "artist", "any"}.issuperset(self.fields)):
            raise BadInput(
                "option pattern: expected {title}, with {artist} and {any} if wanted, such as "
                f"'{{artist}} - {{title}}'; found {pattern!r}"
            )

    def split(self, folders: Sequence[str], stem: str) -> tuple[str, str]:
        """Return artist and title.

        Raises:
            Rejected: the name does not match the pattern, or there is no such folder.
        """
        title = stem
        if self.pattern:
            found = re.fullmatch(self._expression(), stem) or re.fullmatch(self._expression(_DASH), stem)
            if found is None:
                raise Rejected("name does not match the pattern", f"{printable(stem)}, not {self.pattern}")
            title = found["title"]
            if "artist" in self.fields:
                return found["artist"], title
        index = self.level - 1 if self.level > 0 else len(folders) + self.level
        if not 0 <= index < len(folders):
            raise Rejected("no artist folder")
        return folders[index], title

    def _expression(self, dash: str = "") -> str:
        """Return the pattern as a regular expression: the first fields are as short as possible.

        Args:
            dash: matches where the pattern has a dash; empty for the same dash only.
        """
        parts = re.split(r"\{(\w*)\}", self.pattern)
        rows = [re.escape(part) for part in parts[::2]]
        if dash:
            rows = [re.sub(r"\\?" + _DASH, dash, row) for row in rows]
        fields = ["(?:.*?)" if name == "any" else f"(?P<{name}>.+?)" for name in parts[1::2]]
        return "".join(a + b for a, b in zip(rows, [*fields, ""], strict=True))


_SEPARATORS = (" - ", "_-_", " _ ", "--", "-", "_")
_MOST = 0.8


def suggested_pattern(stems: Sequence[str]) -> str:
    """Return a pattern that most of these names match and that tells artist and title; empty if none does.

    Of two parts of a name, the one with fewer different values is the artist.
    """
    names = [re.sub(_DASH, "-", stem) for stem in stems]
    for separator in _SEPARATORS:
        parts = [[part.strip() for part in name.split(separator)] for name in names]
        numbered = sum(len(found) == 3 and found[0].strip(".").isdigit() for found in parts)
        skipped = int(numbered >= _MOST * len(names))
        loose = len(separator) > 1  # one sign alone is also used inside names
        fits = [
            found[skipped:]
            for found in parts
            if all(found) and (len(found) == 2 + skipped or (loose and len(found) > 2 + skipped))
        ]
        if (
            not fits
            or len(fits) < _MOST * len(names)
            or sum(one[0].isdigit() for one in fits) > len(fits) / 2
        ):
            continue
        artists, titles = ({found[place].casefold() for found in fits} for place in (0, -1))
        order = ("{title}", "{artist}") if len(titles) < len(artists) else ("{artist}", "{title}")
        return separator.join([*["{any}"] * skipped, *order])
    return ""
