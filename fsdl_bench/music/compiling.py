"""Run LilyPond behind a wall, on some pieces at a time.

LilyPond files are programs: they can run Scheme code. So they are compiled behind a wall
(`fsdl_bench.bubblewrap`) where only LilyPond and these files exist, without a network and with limits on
time, memory and file size. LilyPond takes ten times longer to start than to compile a short piece, so it
starts once for several pieces and forks for each file.

Old files are first updated by `convert-ly`. `scores_only.ily` makes LilyPond write every score as MIDI and
lay out no page.
"""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from fsdl_bench import bubblewrap
from fsdl_bench.music.conversions import conversion

SCRIPT: Final = Path(__file__).with_name("scores_only.ily")
NO_SCORE: Final = "it has no score"
_EACH: Final = Path(__file__).with_name("compile_each.ly")
_MEMORY, _FILE = 4 << 30, 64 << 20  # bytes that a compilation may use and write
_SYSTEM = ("/usr", "/lib", "/lib64", "/bin")
_VERSION = re.compile(rb'^[^%\n]*\\version\s*"(\d+)\.(\d+)(?:\.(\d+))?"', re.MULTILINE)
_PLAIN = b"articulate = #(define-music-function (music) (ly:music?) music)\n"
"""Takes the place of LilyPond's articulate.ly, which plays ornaments out: songs are as written."""

_MAIN = """\\version "{}"
#(ly:set-option 'midi-extension "mid")
#(define output-folder {})
\\include "{}"
\\include {}
#(write-scores)
"""


@dataclass(frozen=True)
class Piece:
    """The files of a piece, by paths relative to its folder.

    Attributes:
        mains: the files to compile.
        files: the content of all files, the mains among them.
    """

    mains: tuple[str, ...]
    files: Mapping[str, bytes]

    @property
    def place(self) -> Path:
        """The path of the cached conversion: its name is a hash of everything that the outcome depends on."""
        state = sha256(f"lilypond {version()}\0".encode() + _code())
        for part in (
            *self.mains,
            *(f"{name}\0{sha256(self.files[name]).hexdigest()}" for name in sorted(self.files)),
        ):
            state.update(b"\0" + part.encode())
        return conversion(f"{state.hexdigest()}.zip")


@dataclass(frozen=True)
class Compiled:
    """The outcome for a piece.

    Attributes:
        midi: main -> the MIDI files of its scores, at least one.
        failed: main -> why there are none.
    """

    midi: dict[str, list[bytes]]
    failed: dict[str, str]


@cache
def _code() -> bytes:
    return b"\0".join(path.read_bytes() for path in (Path(__file__), SCRIPT, _EACH))


def version() -> str:
    """Return the version of LilyPond's wheel; empty if it is not installed."""
    from importlib import metadata

    try:
        return metadata.version("lilypond")
    except metadata.PackageNotFoundError:
        return ""


def compile_batch(task: tuple[list[Piece], float]) -> list[Compiled]:
    """Compile some pieces. Runs in a separate process."""
    pieces, seconds = task
    mains = [(number, main) for number, piece in enumerate(pieces) for main in piece.mains]
    results = [Compiled({}, {}) for _ in pieces]
    with TemporaryDirectory(prefix="fsdl-lilypond-") as folder:
        place = Path(folder)
        for script in (SCRIPT, _EACH):
            _write(place / script.name, script.read_bytes())
        for number, piece in enumerate(pieces):
            plain = {str(Path(name).with_name("articulate.ly")): _PLAIN for name in piece.files}
            for name, data in {**plain, **piece.files}.items():
                _write(place / f"{number}" / name, data)
        _update(place, pieces, seconds)
        tasks = []
        for index, (number, main) in enumerate(mains):
            out, source = place / "out" / f"{index}", place / f"{number}" / main
            _write(
                out / "main.ly",
                _MAIN.format(version(), _quoted(out), place / SCRIPT.name, _quoted(source)).encode(),
            )
            tasks.append(f"({_quoted(out)} {_quoted(place / f'{number}' / _top(main))} {seconds:.0f})")
        (place / "tasks.scm").write_text(f"({' '.join(tasks)})")
        options = ["--loglevel=ERROR", f"--output={place}"]
        said = _run([_program("lilypond"), *options, str(place / _EACH.name)], place, seconds * len(mains))
        for index, (number, main) in enumerate(mains):
            out = place / "out" / f"{index}"
            midi = [path.read_bytes() for path in sorted(out.glob("*.mid"))]
            status = (out / "status").read_text() if (out / "status").exists() else said or "not compiled"
            if status == "0" and midi:
                results[number].midi[main] = midi
            else:
                results[number].failed[main] = _reason(status, out / "log", place)
    return results


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _quoted(text: Path) -> str:
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _top(main: str) -> str:
    """Return the first folder of a path; included files may be named from there."""
    return main.partition("/")[0] if "/" in main else "."


def _reason(status: str, log: Path, place: Path) -> str:
    if status == "0":
        return NO_SCORE
    lines = log.read_text("utf-8", "replace").splitlines() if log.exists() else []
    said = [line for line in lines if "error" in line.lower()] or [line for line in lines if line.strip()][
        -1:
    ]
    detail = re.sub(re.escape(str(place)) + r"/\S*/", "", said[0])[:200] if said else ""
    return f"status {status}: {detail}"


def _update(place: Path, pieces: Sequence[Piece], seconds: float) -> None:
    """Update the syntax of old files. A file that states no version has that of the piece's oldest one."""
    found: dict[str, list[str]] = defaultdict(list)
    for number, piece in enumerate(pieces):
        versions = {name: _stated(data) for name, data in piece.files.items()}
        oldest = min((stated for stated in versions.values() if stated), default=_ours())
        for name, stated in versions.items():
            if (stated or oldest) < _ours():
                since = "" if stated else f"--from={'.'.join(map(str, oldest))}"
                found[since].append(str(place / f"{number}" / name))
    for since, paths in found.items():
        words = [_program("convert-ly"), "--edit", "--loglevel=ERROR", *([since] if since else [])]
        before = {path: Path(path).read_bytes() for path in paths}
        if _run([*words, *paths], place, seconds * len(paths)):
            # convert-ly ends at the first file that it fails on, and the others must not depend on that.
            for path, data in before.items():
                Path(path).write_bytes(data)
                _run([*words, path], place, seconds)


def _stated(data: bytes) -> tuple[int, ...] | None:
    found = _VERSION.search(data)
    return tuple(int(part or 0) for part in found.groups()) if found else None


@cache
def _ours() -> tuple[int, ...]:
    return tuple(int(part) for part in version().split("."))


def _run(words: Iterable[str], place: Path, seconds: float) -> str | None:
    """Run a program of LilyPond's behind the wall, with `place` to write. Return how it failed, if it did."""
    bwrap = bubblewrap.program()
    wall = bubblewrap.wall(bwrap, [*_SYSTEM, str(_binaries())], [str(place)], f"{place}/own") if bwrap else []
    try:
        done = subprocess.run(
            [*wall, *words],
            cwd=place,
            env={"PATH": "/usr/bin:/bin", "HOME": str(place), "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
            preexec_fn=_limit,
        )
    except subprocess.TimeoutExpired:
        return f"timed out after {seconds:g} s"
    return f"exit status {done.returncode}" if done.returncode else None


def _limit() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE, _FILE))


def _program(name: str) -> str:
    return str(_binaries() / "bin" / name)


@cache
def _binaries() -> Path:
    import lilypond

    found: Any = lilypond.executable()
    return Path(found).parents[1]
