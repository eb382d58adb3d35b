"""GiantMIDI-Piano: 10,855 piano pieces of 2,786 composers, transcribed from recordings.

    fsdl-bench build --from DIR --kind midi --name NAME --layout giantmidi

    DIR/**/full_music_pieces_youtube_similarity_pianosoloprob_split.csv
    DIR/**/<surname>, <first name>, <title>, <video id>.mid             (the folder `midis`)

The table is in the repository, not in the archive of MIDI files: put it next to them. It is tab-separated and
has no quoting. Columns used: `surname`, `firstname`, `music`, `audio_name` (the name of the MIDI file less
`.mid`), `giant_midi_piano` (1: solo piano) and `surname_in_youtube_title` (1: the video names the composer).
The first name before the surname is the artist; pieces of one composer and title are one work.

The videos were found by a search, and some contain other music. The authors recommend the "curated subset",
the pieces whose video title names the composer. It is the default here, because a wrong composer is a wrong
label; `--set curated=false` includes all pieces.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from fsdl_bench.errors import Rejected
from fsdl_bench.metadata import Metadata, year_in
from fsdl_bench.sources.common.files import FileSource
from fsdl_bench.sources.common.text import printable, readable, same_title
from fsdl_bench.sources.common.tree import Tree
from fsdl_bench.sources.tables.table import Table, find_table, row_origin

LICENCE = "CC-BY-4.0"
COLUMNS = ("surname", "firstname", "music", "audio_name", "giant_midi_piano", "surname_in_youtube_title")


def open(tree: Tree, *, curated: bool = True, licence: str = LICENCE) -> GiantMidi:  # noqa: A001
    """Return the pieces of GiantMIDI-Piano under `tree`.

    Args:
        tree: the folder of the table and the MIDI files.
        curated: only pieces whose video names the composer.
        licence: of all songs.

    Raises:
        BadInput: there is no table with these columns.
    """
    table = find_table(tree, COLUMNS, "GiantMIDI-Piano", delimiter="\t", quoted=False)
    return GiantMidi(tree, licence, table, curated)


class GiantMidi(FileSource):
    """Transcriptions by composer; see the module."""

    by_name = True

    def __init__(self, tree: Tree, licence: str, table: Table, curated: bool) -> None:
        super().__init__(tree, "midi", licence)
        self._table = table
        self._curated = curated
        self._rows: dict[str, tuple[str, str, bool, bool]] = {}
        self._dates: dict[str, Metadata] = {}

    def survey(self, paths: Sequence[str]) -> None:
        """Read the table and count the pieces that have no file."""
        self._rows.clear()
        for row in self._table.rows():
            try:
                surname, first, title, name, solo, named = self._table.pick(row, COLUMNS)
            except Rejected as error:
                self.rejected.append((row_origin(self._table.path, row), error.reason, error.detail))
                continue
            if name:  # the others were never transcribed
                composer = readable(f"{first} {surname}")
                known = [column for column in ("birth", "death") if column in self._table.columns]
                dates = dict(zip(known, map(year_in, self._table.pick(row, known)), strict=True))
                self._dates[_same_name(name)] = Metadata(born=dates.get("birth"), died=dates.get("death"))
                self._rows[_same_name(name)] = (composer, readable(title), _is_one(solo), _is_one(named))
        there = {_same_name(self.stem(path)) for path in paths}
        missing = sum(solo and name not in there for name, (_, _, solo, _) in self._rows.items())
        if missing:
            origin = printable(self._table.path)
            self.rejected.append((origin, "file is missing", f"{missing} pieces of the table"))

    def metadata(self, path: str) -> Metadata:
        """The composer's dates, if the table has them."""
        return self._dates[_same_name(self.stem(path))]

    def place(self, path: str) -> tuple[str, str, str]:
        """What the table says of the file."""
        row = self._rows.get(_same_name(self.stem(path)))
        if row is None:
            raise Rejected("not in the table", printable(self._table.path))
        composer, title, solo, named = row
        if not solo:
            raise Rejected("not solo piano", "by the table's giant_midi_piano")
        if self._curated and not named:
            raise Rejected("composer not confirmed", "the video's title does not name the composer")
        return composer, title, same_title(title)


def _same_name(name: str) -> str:
    """File systems differ in how they store accents."""
    return unicodedata.normalize("NFC", name)


def _is_one(value: str) -> bool:
    return value in ("1", "1.0")
