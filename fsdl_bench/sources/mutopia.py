"""The Mutopia Project: scores as LilyPond source, `ftp/<composer>/<opus>/<piece>/`.

A piece is `<piece>.ly`, or the folder `<piece>-lys` with files that include each other. Those that no other
file includes are compiled (see `music.lilypond`), and each score in them is a song. A part is left out if a
larger score of the piece contains it, and so is the same score for another paper size.

Each piece states its licence in its header: public domain, CC BY or CC BY-SA. Pieces that state none are left
out. The folder names the composer; "Anonymous" and "Traditional" are nobody. Pieces with one catalogue number
are one work. Pieces of one opus are one work if they have one number, or if a title names a form in several
movements.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from fsdl_bench.errors import Rejected
from fsdl_bench.metadata import Metadata, year_in
from fsdl_bench.music.compiling import NO_SCORE, Compiled, Piece
from fsdl_bench.music.lilypond import compile_pieces, compiled
from fsdl_bench.songs import Kind, Song
from fsdl_bench.sources.common.base import Item, Rejection
from fsdl_bench.sources.common.tree import Tree

SUFFIXES = (".ly", ".ily", ".lyi", ".lyp")
_NOBODY = frozenset({"Anonymous", "Traditional"})
_PART = 0.9
"""The share of a song's notes that a larger score has, too, if the song is a part of it."""

_FIELDS = (
    "title|mutopiatitle|composer|opus|mutopiaopus|mutopiainstrument|date|style|license|licence|copyright|source|"
    "arranger|footer|poet|mutopiapoet"
)
_FIELD = re.compile(rf'^[ \t]*({_FIELDS})[ \t]*=[ \t]*#?"((?:[^"\\]|\\.)*)"', re.MULTILINE)
_COMMENT = re.compile(r"%\{.*?%\}|%[^\n]*", re.DOTALL)
_INCLUDE = re.compile(r'\\include\s*#?\s*"([^"]+)"')
_LICENCE = re.compile(r"Creative Commons (?:Attribution|BY)(-Share ?Alike|-SA)?\s+(\d\.\d)", re.IGNORECASE)
_PUBLIC = re.compile(r"public domain", re.IGNORECASE)
_DATES = re.compile(r"\((?:b\.?\s*)?(\d{4})?\??\s*[-–—]+\s*(?:ca?\.\s*)?(\d{4})?\??\)")
_OPUS = re.compile(r"(?:O|Op_?)\d")
_FORMS = re.compile(
    r"sonat|concert|quartet|quintet|sextet|septet|octet|nonet|\btrio|symphon|sinfoni|suite|partita|serenad|mass\b|"
    r"requiem|oratori|cantata|opera\b",
    re.IGNORECASE,
)


def open(tree: Tree) -> MutopiaSource:  # noqa: A001
    """The pieces of the repository."""
    return MutopiaSource(tree)


@dataclass
class MutopiaSource:
    """One `Item` for each file to compile; after `prepare`, one for each score in it."""

    tree: Tree
    kind: Kind = "midi"
    rejected: list[Rejection] = field(default_factory=list)
    pieces: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The folder of each piece -> its files."""
    places: dict[str, Path] = field(default_factory=dict)
    """The folder of each piece -> the place of its conversion; filled by `prepare`."""

    def items(self) -> Iterator[Item]:
        """The pieces with a licence and a composer."""
        self.rejected = []
        self.pieces = _pieces(self.tree.files(*SUFFIXES))
        texts = {folder: self._texts(files) for folder, files in self.pieces.items()}
        names = _names(texts)
        for folder in self.pieces:
            for path in _mains(texts[folder]):
                header = _header(texts[folder], path)
                composer = folder.split("/")[1]
                try:
                    if composer in _NOBODY:
                        raise Rejected("no artist", composer)
                    licence = _licence(header)
                except Rejected as error:
                    self.rejected.append((path, error.reason, error.detail))
                    continue
                title = header.get("mutopiatitle") or header.get("title") or posixpath.basename(folder)
                work = _work(folder, header)
                metadata = _metadata(folder, header)
                yield Item(path, names[composer], title, work, licence, path, metadata=metadata)
        self.rejected += self.tree.problems

    def prepare(self, items: Sequence[Item], workers: int, progress: bool) -> list[Item]:
        """Compile the pieces that are not compiled yet, and return one item for each score."""
        folders = dict.fromkeys(_folder(item.origin) for item in items)
        pieces = {folder: self.piece(folder) for folder in folders}
        compile_pieces(list(pieces.values()), workers=workers, progress=progress)
        self.places = {folder: piece.place for folder, piece in pieces.items()}
        found: list[Item] = []
        for item in items:
            folder = _folder(item.origin)
            found += _scores(item, compiled(self.places[folder]), folder)
        return found

    def piece(self, folder: str) -> Piece:
        """Return the content of a piece.

        Raises:
            BadInput: a file is not the pinned one.
        """
        files = {posixpath.relpath(path, folder): self.tree.read(path) for path in self.pieces[folder]}
        mains = _mains({name: data.decode("utf-8", "replace") for name, data in files.items()})
        return Piece(tuple(mains), files)

    def surveyed(self) -> list[str]:
        """Return what a song depends on besides its own file: the conversions of all pieces."""
        return sorted(place.stem for place in self.places.values())

    def read(self, item: Item) -> Song:
        """The notes of one score.

        Raises:
            Rejected: it could not be compiled, or another score of the piece contains it.
            KeyError: `prepare` was not called.
        """
        from fsdl_bench.music.formats import from_midi

        path, _, number = item.origin.partition("#")
        folder = _folder(path)
        outcome, parts = _compiled(self.places[folder])
        name = posixpath.relpath(path, folder)
        if why := outcome.failed.get(name):
            raise Rejected("no score") if why == NO_SCORE else Rejected("cannot be compiled", why)
        index = int(number or 1) - 1
        if (whole := parts.get((name, index))) is not None:
            raise Rejected("part of a score", whole)
        notes, facts = from_midi(outcome.midi[name][index])
        metadata = item.metadata.merged(facts)
        return Song(item.artist, item.title, item.work, item.licence, item.origin, notes, metadata)

    def _texts(self, files: Sequence[str]) -> dict[str, str]:
        return {path: self.tree.read(path).decode("utf-8", "replace") for path in files}


def _pieces(paths: Iterator[str]) -> dict[str, tuple[str, ...]]:
    """Return the folder of each piece and the files below it."""
    found: dict[str, list[str]] = defaultdict(list)
    files = [path for path in paths if path.startswith("ftp/") and path.count("/") >= 3]
    folders = {_folder(path) for path in files if path.endswith(".ly")}
    for path in files:
        folder = _folder(path)
        while folder and folder not in folders:
            folder = posixpath.dirname(folder)
        if folder:
            found[folder].append(path)
    return {folder: tuple(names) for folder, names in sorted(found.items())}


def _folder(path: str) -> str:
    """Return the folder of the piece that a file belongs to."""
    folder = posixpath.dirname(path)
    head, found, _ = f"{folder}/".partition("-lys/")
    return posixpath.dirname(head) if found else folder


def _mains(texts: dict[str, str]) -> list[str]:
    """Return the files of a piece that no other file includes, given the content of all files."""
    included = set()
    for path, text in texts.items():
        for name in _INCLUDE.findall(_COMMENT.sub("", text)):
            place = posixpath.dirname(path)
            while (found := posixpath.normpath(posixpath.join(place, name))) not in texts and place:
                place = posixpath.dirname(place)
            included.add(found)
    return [path for path in texts if path.endswith(".ly") and path not in included]


def _names(texts: dict[str, dict[str, str]]) -> dict[str, str]:
    """Return the name of each composer's folder: the one that most of its pieces give."""
    given: dict[str, Counter[str]] = defaultdict(Counter)
    for folder, files in texts.items():
        composer = folder.split("/")[1]
        given[composer][composer] += 0
        for path in _mains(files)[:1]:
            if name := re.sub(
                r"\s*\(.*|\s*,?\s*\d{4}.*", "", _header(files, path).get("composer", "")
            ).strip():
                given[composer][name] += 1
    return {composer: min(names, key=lambda name: (-names[name], name)) for composer, names in given.items()}


def _header(texts: dict[str, str], path: str) -> dict[str, str]:
    """Return the fields of a file's header; those that it lacks from the other files of the piece."""
    header: dict[str, str] = {}
    for text in (texts[path], *texts.values()):
        for name, value in _FIELD.findall(_COMMENT.sub("", text)):
            if value.strip():
                header.setdefault(name, value.replace('\\"', '"').strip())
    return header


def _licence(header: dict[str, str]) -> str:
    stated = header.get("license") or header.get("licence") or header.get("copyright") or ""
    if found := _LICENCE.search(stated):
        return f"CC-BY{'-SA' if found[1] else ''}-{found[2]}"
    if _PUBLIC.search(stated):
        return "public domain"
    raise Rejected("no free licence", stated)


def _work(folder: str, header: dict[str, str]) -> str:
    """Return the work that a piece is a movement of; its own folder if it is none."""
    _, composer, opus, *_ = folder.split("/")
    if not _OPUS.match(opus):
        return f"{composer}/{opus}"
    numbers = re.findall(r"\d+", (header.get("mutopiaopus") or header.get("opus") or "").partition(":")[0])[
        1:
    ]
    if numbers:
        return f"{composer}/{opus} {'.'.join(numbers)}"
    titles = " ".join(header.get(name, "") for name in ("title", "mutopiatitle"))
    return f"{composer}/{opus}" if _FORMS.search(f"{titles} {folder}") else folder


def _metadata(folder: str, header: dict[str, str]) -> Metadata:
    dates = _DATES.search(header.get("composer", ""))
    number = re.fullmatch(r"Mutopia-\d+/\d+/\d+-(\d+)", header.get("footer", ""))
    named = {"scoring": "mutopiainstrument", "arranger": "arranger", "edition": "source"}
    return Metadata(
        year=year_in(header.get("date")),
        born=int(dates[1]) if dates and dates[1] else None,
        died=int(dates[2]) if dates and dates[2] else None,
        catalogue=header.get("mutopiaopus") or header.get("opus") or folder.split("/")[2],
        genre=header.get("style"),
        url=f"https://www.mutopiaproject.org/cgibin/piece-info.cgi?id={number[1]}" if number else None,
        extra=tuple((name, header[key]) for name, key in named.items() if header.get(key)),
    )


def _scores(item: Item, outcome: Compiled | None, folder: str) -> list[Item]:
    """Return one item for each score of a file: movements, for example."""
    midi = outcome.midi.get(posixpath.relpath(item.origin, folder), []) if outcome else []
    if len(midi) < 2:
        return [item]
    return [replace(item, origin=f"{item.origin}#{number + 1}") for number in range(len(midi))]


@lru_cache(maxsize=64)
def _compiled(place: Path) -> tuple[Compiled, dict[tuple[str, int], str]]:
    """Return a conversion, and its scores that larger ones contain: score -> the larger score."""
    outcome = compiled(place)
    if outcome is None:
        raise LookupError(f"no intact conversion {place}: call prepare() first")
    notes = {
        (name, number): found
        for name, files in outcome.midi.items()
        for number, data in enumerate(files)
        if (found := _notes(data))
    }
    kept: list[tuple[str, int]] = []
    parts: dict[tuple[str, int], str] = {}
    for score in sorted(notes, key=lambda score: (-len(notes[score]), score)):
        whole = next((k for k in kept if len(notes[score] & notes[k]) >= _PART * len(notes[score])), None)
        if whole is None:
            kept.append(score)
        else:
            parts[score] = f"{whole[0]}#{whole[1] + 1}"
    return outcome, parts


def _notes(data: bytes) -> set[tuple[int, int]]:
    """Return onset, in 96ths of a whole note, and pitch of the notes of a MIDI file."""
    from fsdl_bench.music.reading import parse_midi

    try:
        score = parse_midi(data)
    except Rejected:
        return set()
    found = set()
    for track in score.tracks:
        notes = track.notes.numpy()
        found |= set(
            zip(
                (notes["time"] * 24 // score.ticks_per_quarter).tolist(), notes["pitch"].tolist(), strict=True
            )
        )
    return found
