"""Fetching: an archive of a pinned commit, or a file of a pinned hash, becomes a folder on disk.

Where the archive comes from, in this order: the folder that an earlier call unpacked; the mirror, if one is
given (a folder, or a URL, that holds the file); the public host, unless `FSDL_BENCH_OFFLINE` is set.

    FSDL_BENCH_HOME/sources/<owner>__<repo>-<commit>/files/...        what `fetch` returns
    FSDL_BENCH_HOME/sources/<owner>__<repo>-<commit>/complete.json    where it came from; written last
    FSDL_BENCH_HOME/downloads/<owner>__<repo>-<commit>/...            while it is being fetched

A public host makes commit archives on request, and their bytes may change with its software, so a
commit archive has no hash of its own: each file's pin is checked when it is read (`Tree`). A file given by
URL has one.
"""

from __future__ import annotations

import errno
import gzip
import json
import re
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from fsdl_bench.errors import BadInput
from fsdl_bench.paths import atomic_directory, atomic_write, home, offline, recover_directory

PUBLIC_HOST = "https://codeload.github.com/{owner}/{repo}/tar.gz/{commit}"
"""The address of a commit's archive in a public repository."""

CONVERTED = "converted-verovio-6.4.1"
"""The ready cache of scores turned into MIDI that a mirror may hold, less `.tar.gz`."""

CONVERTED_SHA256 = "4366c68dac7844f638ff02da964d85c0f3add024d869213c7f02d9211ef7692b"
"""Of that archive: a conversion is part of what a track is made from."""

_DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError, ValueError, OverflowError)
_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG})


@dataclass(frozen=True)
class Archive:
    """An archive to fetch: a commit of a repository, or one `.tar.gz` by URL and hash.

    Attributes:
        repo: `owner/name`.
        commit: the full hash, 40 hex digits.
        url: of a `.tar.gz` file.
        sha256: of that file, 64 hex digits.
    """

    repo: str = ""
    commit: str = ""
    url: str = ""
    sha256: str = ""

    def __post_init__(self) -> None:
        """Refuse what pins nothing."""
        if self.repo:
            ok = self.repo.count("/") == 1 and _is_hex(self.commit, 40) and not (self.url or self.sha256)
        else:
            ok = self.url.endswith(".tar.gz") and _is_hex(self.sha256, 64) and not self.commit
        if not ok:
            raise BadInput(
                "an archive is given as repo ('owner/name') and commit (40 hex digits), or as url (of a "
                f".tar.gz) and sha256 (64 hex digits); found {self}"
            )

    @property
    def name(self) -> str:
        """The archive's name in the cache and in a mirror, less `.tar.gz`."""
        if self.repo:
            return f"{self.repo.replace('/', '__')}-{self.commit}"
        return self.url.rsplit("/", 1)[-1].removesuffix(".tar.gz")

    @property
    def address(self) -> str:
        """Its address at the public host."""
        if not self.repo:
            return self.url
        owner, repo = self.repo.split("/")
        return PUBLIC_HOST.format(owner=owner, repo=repo, commit=self.commit)


def fetch(archive: Archive, mirror: str | Path | None = None, *, progress: bool = True) -> Path:
    """The folder that holds the archive's files, fetched and unpacked if that has not been done before.

    A kill at any moment leaves no half-filled folder, and the next call goes on with what has come.

    Args:
        archive: what to fetch.
        mirror: a folder or a URL that holds `<owner>__<repo>-<commit>.tar.gz`; nothing else is asked then.
        progress: whether to draw bars on stderr.

    Raises:
        BadInput: it cannot be downloaded, is damaged or is not the file of the pinned hash.
    """
    return _fetch(archive.name, archive.address, archive.sha256 or None, mirror, progress)


def fetch_converted(
    mirror: str | Path | None, *, sha256: str | None = CONVERTED_SHA256, progress: bool = True
) -> bool:
    """Put the ready conversions of a mirror into `FSDL_BENCH_HOME/converted`; return whether it had any.

    Files that have a checksum of their own were converted here, and are kept.
    """
    from filelock import FileLock

    from fsdl_bench.checked import sum_file
    from fsdl_bench.music.conversions import has_ready, write_sums
    from fsdl_bench.sources.common.download import NotFound

    target = home() / "converted"
    if has_ready(target):
        return True
    if mirror is None or (not _is_url(mirror) and not (Path(mirror) / f"{CONVERTED}.tar.gz").exists()):
        return False
    with _disk_errors():
        target.mkdir(parents=True, exist_ok=True)
        with FileLock(target / ".lock"):
            if has_ready(target):
                return True
            try:
                folder = _fetch(CONVERTED, None, sha256, mirror, progress)
            except NotFound:
                return False
            ready = sorted(folder.iterdir())
            write_sums(target, ready)
            for path in ready:
                if not sum_file(target / path.name).exists():
                    path.replace(target / path.name)
            shutil.rmtree(folder.parent)
    return True


def _fetch(
    name: str, address: str | None, sha256: str | None, mirror: str | Path | None, progress: bool
) -> Path:
    from filelock import FileLock

    folder = home() / "sources" / name
    if _is_complete(folder):  # a home that others share need not be writable
        return folder / "files"
    with _disk_errors():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / f".{name}.lock"):
            recover_directory(folder)
            if not _is_complete(folder):
                for leftover in folder.parent.glob(f".{name}-*.part"):  # of a run that was killed
                    shutil.rmtree(leftover)
                _unpack_into(folder, *_archive_file(name, address, sha256, mirror, progress), progress)
    return folder / "files"


def _is_complete(folder: Path) -> bool:
    return (folder / "complete.json").exists() and (folder / "files").is_dir()


def _archive_file(
    name: str, address: str | None, sha256: str | None, mirror: str | Path | None, progress: bool
) -> tuple[Path, str]:
    """The archive on this disk, its hash checked, and where it came from."""
    import pooch

    known_hash = f"sha256:{sha256}" if sha256 else None
    if mirror is not None and not _is_url(mirror):
        path = Path(mirror) / f"{name}.tar.gz"
        if not path.is_file():
            there = (
                ", ".join(sorted(entry.name for entry in Path(mirror).glob("*.tar.gz"))) or "no .tar.gz file"
            )
            raise BadInput(f"the mirror lacks {path.name}: {mirror} holds {there}")
        if known_hash and not pooch.hashes.hash_matches(path, known_hash):
            raise BadInput(_wrong_hash(str(path), sha256, pooch.file_hash(path)))
        return path, str(path)
    url = address if mirror is None else f"{str(mirror).rstrip('/')}/{name}.tar.gz"
    if url is None:
        raise ValueError(f"{name} has no public address")
    return _download(url, home() / "downloads" / name / f"{name}.tar.gz", sha256, progress), url


def _download(url: str, path: Path, sha256: str | None, progress: bool) -> Path:
    import pooch

    from fsdl_bench.sources.common.download import Downloader

    known_hash = f"sha256:{sha256}" if sha256 else None
    if offline() and not (path.exists() and pooch.hashes.hash_matches(path, known_hash)):
        raise BadInput(
            f"{path.name} is not in the cache ({home()}) and FSDL_BENCH_OFFLINE forbids fetching it. "
            f"Unset it, or put {path.name} (from {url}) into a folder and pass --mirror FOLDER."
        )
    pooch.get_logger().setLevel("WARNING")  # it tells of every download; the bar does so already
    part = path.with_name(f"{path.name}.part")
    downloader = Downloader(part, blind=sha256 is not None, progress=progress)
    try:
        return Path(pooch.retrieve(url, known_hash, path.name, path.parent, downloader=downloader))
    except ValueError as error:
        raise BadInput(_wrong_hash(url, sha256, str(error).partition("but got ")[2][:64])) from None


def _unpack_into(folder: Path, path: Path, came_from: str, progress: bool) -> None:
    ours = path.is_relative_to(home())
    try:
        with atomic_directory(folder) as temporary:
            note = _unpack(path, temporary / "files", progress)
            atomic_write(temporary / "complete.json", json.dumps({"from": came_from, **note}, indent=1))
    except tarfile.FilterError as error:
        raise BadInput(f"{path} (from {came_from}) is not safe to unpack: {error}") from None
    except _DAMAGED as error:
        with path.open("rb") as stream:
            begins = stream.read(12)
        if ours:
            shutil.rmtree(path.parent)
        advice = "It has been deleted: run the command again to download it" if ours else "Copy it again"
        raise BadInput(
            f"expected a whole .tar.gz at {path} (from {came_from}), found a file that begins with "
            f"{begins!r}: {error}. {advice}."
        ) from None
    if ours:
        shutil.rmtree(path.parent)


def _unpack(path: Path, folder: Path, progress: bool) -> dict[str, int]:
    """Unpack the regular files without their common top folder; return what was written, in numbers.

    Links are left out: no source needs them, and archives use them to escape from a folder. Everything else
    goes through tarfile's data filter, which refuses paths that lead outside.
    """
    from tqdm import tqdm

    folder.mkdir()
    files = size = 0
    top = None
    with (
        path.open("rb") as raw,
        tqdm.wrapattr(
            raw,
            "read",
            desc=f"unpack {path.name[:33]}",
            total=path.stat().st_size,
            disable=None if progress else True,
        ) as counted,
        gzip.GzipFile(fileobj=cast(IO[bytes], counted)) as plain,
    ):
        with tarfile.open(fileobj=plain, mode="r|") as archive:
            for member in archive:
                first, _, rest = member.name.partition("/")
                top = first if top is None else top
                if not member.isreg() or (first == top and not rest):
                    continue
                inside = rest if first == top else member.name
                archive.extract(member.replace(name=inside, deep=False), folder, filter="data")
                files += 1
                size += member.size
        while plain.read(1 << 20):  # to the end, where the checksum is
            pass
    if not files:
        raise tarfile.ReadError("it holds no files")
    return {"files": files, "bytes": size}


@contextmanager
def _disk_errors() -> Iterator[None]:
    """A full or read-only disk is for the person to mend, in one line."""
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK:
            raise
        where = error.filename or home()
        raise BadInput(
            f"cannot use {where}: {error.strerror}. FSDL_BENCH_HOME says where things are kept."
        ) from None


def _wrong_hash(what: str, expected: str | None, found: str) -> str:
    return f"{what} is not the pinned file: expected sha256 {expected}, found {found}"


def _is_url(mirror: str | Path) -> bool:
    return isinstance(mirror, str) and mirror.startswith(("http://", "https://"))


def _is_hex(text: str, length: int) -> bool:
    return re.fullmatch(rf"[0-9a-f]{{{length}}}", text) is not None
