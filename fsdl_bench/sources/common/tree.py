"""Tree: the files under one folder, listed fast and read safely; with pins, exactly the files of a track.

A folder that a person brings can hold anything. Listing never opens a file, visits each real folder once
(so links in a circle end), and writes what it could not use to `problems`. Reading never blocks on a pipe or
a device and never leaves the folder by `..`.

Pins are the frozen list of a source's files, path to 8-byte BLAKE2b of the bytes. With pins, files that are
not pinned do not exist, and a missing or changed one stops the build by name: a host may repack an archive
without a word, and a track is only as frozen as its input.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path, PurePosixPath

from fsdl_bench.errors import BadInput, Rejected
from fsdl_bench.sources.common.text import printable

MAX_BYTES = 64 * 2**20
"""No song is larger; a file that is would only fill the memory of a worker."""

_MACHINE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""The machine's trouble, not the file's: never a reason to leave a song out."""

_ADVICE = (
    "A folder under FSDL_BENCH_HOME may be deleted and is fetched again; one given with --from or --mirror "
    "must hold the files of the pinned commit."
)


@dataclass
class Tree:
    """The files under `root`.

    Attributes:
        root: the folder.
        pins: relative POSIX path to 8-byte digest, or None for any content.
        problems: `(path as printed, reason, detail)` of what the listing could not use.
    """

    root: Path
    pins: Mapping[str, bytes] | None = None
    problems: list[tuple[str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse what is no folder."""
        self.root = Path(self.root)
        if not self.root.is_dir():
            found = f"a file; give its folder {self.root.parent}" if self.root.exists() else "nothing"
            raise BadInput(f"expected a folder at {self.root}, found {found}")

    def files(self, *suffixes: str) -> Iterator[str]:
        """Relative POSIX paths in sorted order, all or those that end in one of `suffixes` in any case.

        Paths are spelled as the operating system does (bytes that are not UTF-8 as lone surrogates): pass
        them to `read`, and show people `printable` of them. `problems` is rewritten by every listing.

        Raises:
            BadInput: the folder cannot be listed, or a pinned file is missing.
        """
        endings = tuple(suffix.lower() for suffix in suffixes)
        self.problems.clear()
        found = self._walk(endings)
        if self.pins is not None:
            wanted = {path for path in self.pins if not endings or path.lower().endswith(endings)}
            self._refuse_missing(wanted.difference(found))
            found = list(wanted)
        return iter(sorted(found))

    def read(self, path: str, limit: int = MAX_BYTES) -> bytes:
        """The bytes of one file.

        Raises:
            Rejected: the file cannot be read, is no regular file, is larger than `limit` bytes, or the path
                leads outside the folder.
            BadInput: the file is not the pinned one.
        """
        data = self._read(path, limit)
        if self.pins is not None:
            expected = self.pins.get(path)
            if expected is None:
                raise BadInput(f"{printable(path)} is not among the pinned files of {self.root}")
            if (found := _digest(data)) != expected:
                raise BadInput(
                    f"{self.root / printable(path)} is not the file that this track is made from: "
                    f"expected BLAKE2b {expected.hex()}, found {found.hex()} ({len(data)} bytes). "
                    f"{_ADVICE}"
                )
        return data

    def head(self, path: str, size: int) -> bytes:
        """The first bytes of one file; see `part`."""
        return self.part(path, 0, size)

    def part(self, path: str, start: int, size: int) -> bytes:
        """At most `size` bytes of one file from byte `start` on, unchecked by pins; raises as `read`."""
        return self._read(path, None, start, size)

    def _read(self, path: str, limit: int | None, start: int = 0, size: int = -1) -> bytes:
        parts = PurePosixPath(path).parts
        if path.startswith("/") or ".." in parts or "\0" in path:
            raise Rejected("path leads outside the folder", printable(path))
        full = self.root / path
        try:
            status = full.stat()
            if not stat.S_ISREG(status.st_mode):
                raise Rejected("not a regular file", _file_type(status.st_mode))
            if limit is not None and status.st_size > limit:
                raise Rejected("file too large", f"{status.st_size} bytes, at most {limit}")
            with full.open("rb", buffering=0) as stream:
                if start:
                    stream.seek(start)
                return stream.read(size)
        except OSError as error:
            if error.errno in _MACHINE:
                raise
            raise Rejected("unreadable file", error.strerror or type(error).__name__) from None

    def _refuse_missing(self, missing: set[str]) -> None:
        if missing:
            names = ", ".join(printable(path) for path in sorted(missing)[:3])
            more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            raise BadInput(
                f"{self.root} lacks {len(missing)} of the files that this track is made from: {names}{more}. "
                f"{_ADVICE}"
            )

    def _walk(self, endings: tuple[str, ...]) -> list[str]:
        """Real folders first, then those that only links reach: a link never hides a folder's own name."""
        found: list[str] = []
        links: list[str] = []
        seen: set[tuple[int, int]] = set()
        self._descend("", endings, found, links, seen)
        while links:
            batch, links = sorted(links), []
            for link in batch:
                self._descend(link, endings, found, links, seen)
        return found

    def _descend(
        self,
        start: str,
        endings: tuple[str, ...],
        found: list[str],
        links: list[str],
        seen: set[tuple[int, int]],
    ) -> None:
        folders = [start]
        while folders:
            folder = folders.pop()
            try:
                status = (self.root / folder).stat()
                if (status.st_dev, status.st_ino) in seen:
                    self._problem(folder, "link to a folder that is listed already")
                    continue
                with os.scandir(self.root / folder) as entries:
                    listed = list(entries)
            except OSError as error:
                if not folder or error.errno in _MACHINE:
                    raise BadInput(f"cannot list {self.root / printable(folder)}: {error.strerror}") from None
                self._problem(folder, "unreadable folder", error.strerror or "")
                continue
            seen.add((status.st_dev, status.st_ino))
            for entry in listed:
                path = f"{folder}/{entry.name}" if folder else entry.name
                self._sort_in(entry, path, endings, found, folders, links)

    def _sort_in(
        self,
        entry: os.DirEntry[str],
        path: str,
        endings: tuple[str, ...],
        found: list[str],
        folders: list[str],
        links: list[str],
    ) -> None:
        try:
            if entry.is_dir():
                (links if entry.is_symlink() else folders).append(path)
                return
            if endings and not entry.name.lower().endswith(endings):
                return
            if entry.is_file():
                found.append(path)
            elif entry.is_symlink() and not Path(entry).exists():
                self._problem(path, "broken link", printable(str(Path(entry).readlink())))
            else:
                self._problem(path, "not a regular file", _file_type(entry.stat().st_mode))
        except OSError as error:
            reason = "broken link" if error.errno == errno.ELOOP else "unreadable file"
            self._problem(path, reason, error.strerror or "")

    def _problem(self, path: str, reason: str, detail: str = "") -> None:
        self.problems.append((printable(path), reason, detail))


def write_pins(tree: Tree, paths: Iterator[str] | list[str], dest: Path) -> None:
    """Freeze the files at `paths` as they are now: write `dest`, a Parquet table of path and digest."""
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    from fsdl_bench.paths import atomic_write

    names = sorted(paths)
    table = pa.table(
        {
            "path": pa.array(names, pa.string()),
            "digest": pa.array([_digest(tree.read(name)) for name in names], pa.binary(8)),
        }
    )
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", compression_level=19)
    atomic_write(dest, buffer.getvalue())


def load_pins(path: Path) -> dict[str, bytes]:
    """Read a file of pins: path inside the source -> the digest of its content."""
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    return dict(zip(table["path"].to_pylist(), table["digest"].to_pylist(), strict=True))


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=8).digest()


def _file_type(mode: int) -> str:
    kinds = {stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}
    return kinds.get(stat.S_IFMT(mode), "folder" if stat.S_ISDIR(mode) else "special file")
