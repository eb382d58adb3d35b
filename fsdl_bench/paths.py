"""Where files are kept, and how they are written: a kill leaves the old content or the new, never a mixture.

Everything the package keeps is under one folder: `FSDL_BENCH_HOME`, or the platform's data folder.

A file or folder is filled under a temporary name beside its target and then renamed:

    .<name>-<random>.<host>.<process>.<start>.part

The name tells who owns it. Every write first removes the temporary files and folders in the same place whose
owner no longer runs, so nothing stays behind after SIGKILL. Modes follow the umask.
"""

from __future__ import annotations

import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import blake2b
from pathlib import Path

TRACK_DATA = Path(__file__).parent / "track_data"
"""The frozen definitions, split lists, pins and codec files that the package ships."""

_TEMPORARY = re.compile(r"\..*-[0-9a-f]{8}\.([0-9a-f]{8})\.(\d+)\.(\d+)\.part", re.DOTALL)
_REUSED_SECONDS = 60
"""A process that started this much later than the owner is another one with the same id."""
_FOREIGN_SECONDS = 7 * 86_400
"""Age at which a temporary file of another computer is removed; its process cannot be looked up from here."""

_swept: set[Path] = set()  # the folders that this process has cleaned before writing files in them


def home() -> Path:
    """Return the folder that everything is kept in: `FSDL_BENCH_HOME`, else the platform's data folder."""
    if chosen := os.environ.get("FSDL_BENCH_HOME"):
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("fsdl-bench", appauthor=False))


def tracks_dir() -> Path:
    """Return the folder of built tracks, which holds one folder for each track."""
    return home() / "tracks"


def offline() -> bool:
    """Whether `FSDL_BENCH_OFFLINE` forbids the network."""
    return os.environ.get("FSDL_BENCH_OFFLINE", "").lower() not in ("", "0", "false", "no")


@contextmanager
def atomic_file(path: Path, *, parents: bool = True) -> Iterator[Path]:
    """Fill a new file, and replace `path` with it in one step if the block ends without an error.

    Args:
        path: the file to write.
        parents: create the missing folders of `path`.

    Raises:
        OSError: the file cannot be written.
    """
    if parents:
        path.parent.mkdir(parents=True, exist_ok=True)
    if path.parent not in _swept:
        _swept.add(path.parent)
        sweep(path.parent)
    temporary = temporary_path(path)
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        yield temporary
        with temporary.open("r+b") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def atomic_write(path: Path, content: bytes | str, *, parents: bool = True) -> None:
    """Write a file in one step: readers, and a kill at any moment, see the old content or the new."""
    with atomic_file(path, parents=parents) as temporary:
        temporary.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Fill a new folder, and replace `path` with it if the block ends without an error.

    No portable system call replaces a full folder, so the old one is first renamed to `.<name>.old`. Both
    renames happen under a lock (`.<name>.swap`). `recover_directory` undoes a kill between them.

    Raises:
        OSError: the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent)
    recover_directory(path)
    temporary, replaced = temporary_path(path), temporary_path(path)
    temporary.mkdir()
    try:
        yield temporary
        with _swap_lock(path):
            _settle(path)
            if path.exists():
                path.rename(_aside(path))
            temporary.rename(path)
            with suppress(FileNotFoundError):
                _aside(path).rename(replaced)
    finally:
        _remove(temporary)
        _remove(replaced)


def recover_directory(path: Path) -> bool:
    """Wait for a swap of `path` that is under way, and undo one that a kill cut short.

    Readers may call it: nothing is renamed or removed without the lock of the swap.

    Returns:
        Whether `path` exists, as seen under the lock.

    Raises:
        OSError: the lock or the folder cannot be written.
    """
    if path.exists() and not _aside(path).exists():
        return True
    if not path.parent.exists():
        return False
    with _swap_lock(path):
        _settle(path)
        return path.exists()


def temporary_path(path: Path) -> Path:
    """Return a new name next to `path` that `sweep` recognises once this process has ended."""
    owner = f"{_host()}.{os.getpid()}.{_started(os.getpid())}"
    return path.parent / f".{path.name[:40]}-{secrets.token_hex(4)}.{owner}.part"


def sweep(folder: Path) -> None:
    """Remove the temporary files and folders in `folder` that a killed process left behind."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _TEMPORARY.fullmatch(entry.name)
            if found and _is_stale(Path(entry), found[1], int(found[2]), int(found[3])):
                _remove(Path(entry))


def _is_stale(path: Path, host: str, process: int, started: int) -> bool:
    if host == _host():
        now = _started(process)
        return now is None or now > started + _REUSED_SECONDS
    with suppress(OSError):
        return time.time() - path.stat().st_mtime > _FOREIGN_SECONDS
    return False


def _started(process: int) -> int | None:
    """When a process started, in seconds since 1970; None if it has ended."""
    import psutil

    try:
        running = psutil.Process(process)
        return None if running.status() == psutil.STATUS_ZOMBIE else int(running.create_time())
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:  # it runs, as another user
        return 0


@cache
def _host() -> str:
    """This computer, and its process numbers where containers have their own, as 8 hex digits."""
    space = ""
    with suppress(OSError):
        space = str(Path("/proc/self/ns/pid").readlink())
    return blake2b(f"{platform.node()} {space}".encode(), digest_size=4).hexdigest()


def _settle(path: Path) -> None:
    """Leave no `.<name>.old`: put it back if `path` is missing. Call it with the lock held."""
    aside = _aside(path)
    if aside.exists():
        if path.exists():
            replaced = temporary_path(path)
            aside.rename(replaced)  # renaming works even if a file is being added to it
            _remove(replaced)
        else:
            aside.rename(path)


@contextmanager
def _swap_lock(path: Path) -> Iterator[None]:
    from filelock import FileLock

    file = _beside(path, "swap")
    with FileLock(file):  # the system frees the lock of a killed process
        try:
            yield
        finally:
            with suppress(OSError):  # who waits for the removed file opens a new one; Windows keeps it
                file.unlink()


def _remove(path: Path) -> None:
    """Remove a file or a folder as far as possible."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _aside(path: Path) -> Path:
    return _beside(path, "old")


def _beside(path: Path, ending: str) -> Path:
    """`.<name>.<ending>`, with a long name shortened so that the file system takes it."""
    name = path.name
    if len(name) > 60:
        name = f"{name[:40]}-{blake2b(os.fsencode(name), digest_size=8).hexdigest()}"
    return path.parent / f".{name}.{ending}"
