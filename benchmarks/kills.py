"""Kill every command at random moments with SIGKILL, run it again, and compare with an undisturbed run.

    python benchmarks/kills.py [--kills N] [--seed N] [--command NAME ...]

Each command first runs undisturbed in a home of its own, which gives the expected output and its duration. A
trial starts from the same state, kills the command and all its processes at a random moment of that duration,
and runs it to the end. It fails if the second run fails, if its output differs, if a reader cannot read what
the kill left behind, or if temporary files remain after the second run. The exit code is 1 if a trial failed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from fsdl_bench import BadInput, load_track, read_result

ROOT = Path(__file__).resolve().parents[1]
TRACK = "lyrics-synthetic"
BASELINES = ROOT / "baselines"


@dataclass(frozen=True)
class Command:
    """A command under test.

    Attributes:
        first: its arguments.
        again: its arguments after a kill.
        output: the home's content that matters, as text.
        needs: commands that prepare the home.
    """

    first: tuple[str, ...]
    again: tuple[str, ...]
    output: Callable[[Path], str]
    needs: tuple[tuple[str, ...], ...] = ()


def digest_of(name: str) -> Callable[[Path], str]:
    return lambda home: load_track(home / "tracks" / name).digest


def rows(home: Path) -> str:
    frame = read_result(home / "out" / "result.json").rows
    return frame[["condition", "shots", "artist", "episode", "song_id", "nats"]].to_json()


def texts(home: Path) -> str:
    """The samples that `generate` wrote."""
    files = sorted((home / "out" / "songs").rglob("*.txt"))
    return "".join(f"{path.name}\n{path.read_text()}" for path in files)


def pages(home: Path) -> str:
    """The names of the leaderboard's files, and the content of its pages."""
    found = sorted(path for path in (home / "out" / "site").rglob("*") if path.is_file())
    return "".join(
        f"{p.name} {hashlib.sha256(p.read_bytes()).hexdigest()}" for p in found if p.suffix == ".html"
    )


def nothing(home: Path) -> str:
    return digest_of(TRACK)(home)


def evaluation(*more: str) -> tuple[str, ...]:
    model = ("--submission", str(BASELINES / "ngram.py"), "--track", TRACK)
    return ("evaluate", *model, "--limit", "4", "--shots", "0,5", "--out", "{home}/out/result.json", *more)


BUILT = (("build", TRACK),)
SCORED = (*BUILT, evaluation())
GENERATE = (
    *("generate", "--submission", str(BASELINES / "ngram.py"), "--track", TRACK, "--max-tokens", "40"),
    *("-n", "2", "--episode", "{artist}", "--out", "{home}/out/songs"),
)
BOARD = ("leaderboard", "build", "--results", "{home}/results", "--out", "{home}/out/site")

COMMANDS = {
    "build": Command(("build", TRACK), ("build", TRACK), digest_of(TRACK)),
    "rebuild": Command(("build", TRACK), ("build", TRACK), digest_of(TRACK), BUILT),
    "build-from": Command(
        ("build", "--from", "{home}/songs", "--kind", "lyrics", "--name", "own"),
        ("build", "--from", "{home}/songs", "--kind", "lyrics", "--name", "own"),
        digest_of("own"),
    ),
    "evaluate": Command(evaluation(), evaluation("--resume"), rows, BUILT),
    "evaluate-again": Command(evaluation("--restart"), evaluation("--resume"), rows, SCORED),
    "evaluate-isolate": Command(evaluation("--isolate"), evaluation("--isolate", "--resume"), rows, BUILT),
    "generate": Command(GENERATE, GENERATE, texts, BUILT),
    "leaderboard": Command(BOARD, BOARD, pages),
    "check": Command(("check", TRACK), ("check", TRACK), nothing, BUILT),
    "show": Command(("show", TRACK), ("show", TRACK), nothing, BUILT),
}


def start(arguments: Sequence[str], home: Path) -> subprocess.Popen[bytes]:
    words = [word.format(home=home, artist=artist(home)) for word in arguments]
    environment = os.environ | {"FSDL_BENCH_HOME": str(home), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "fsdl_bench", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )


def artist(home: Path) -> str:
    """A test artist, if the track is built."""
    folder = home / "tracks" / TRACK
    return load_track(folder).test.artists[0].key if (folder / "manifest.json").is_file() else ""


def finish(arguments: Sequence[str], home: Path) -> str:
    """Run to the end; return what went wrong, if anything."""
    process = start(arguments, home)
    _, error = process.communicate(timeout=300)
    return "" if process.returncode == 0 else f"exit {process.returncode}: {error.decode()[-500:]}"


def kill(process: subprocess.Popen[bytes]) -> bool:
    """Kill the command and all its processes; return whether it was still running."""
    running = process.poll() is None
    if running:
        family = [process.pid, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))]
        for pid in family:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
    process.communicate()
    return running


def prepare(command: Command, home: Path) -> None:
    shutil.copytree(ROOT / "leaderboard" / "results" / TRACK, home / "results")
    for path in (home / "results").glob("*"):
        if not path.name.startswith(("ngram.", "unigram.", "uniform.", "lstm.", "bayes-optimal.")):
            path.unlink()
    words = ["la", "di", "da", "du", "dum", "bim", "bam", "bom", "hey", "ho"]
    random_ = random.Random(3)
    for name in ("ada", "bea", "cyd", "dora", "eva", "fay", "gus", "hal"):
        for number in range(12):
            place = home / "songs" / name / f"song {number}.txt"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text("\n".join(" ".join(random_.choices(words, k=6)) for _ in range(8)))
    for arguments in command.needs:
        if wrong := finish(arguments, home):
            raise SystemExit(f"{arguments}: {wrong}")


def leftovers(home: Path) -> list[str]:
    """Temporary files that a finished command should have removed."""
    return [
        str(path.relative_to(home))
        for path in home.rglob("*")
        if path.name.endswith((".part", ".old")) or ".staged" in path.name
    ]


def readable(command: Command, home: Path) -> str:
    """Return the state between the kill and the second run: the old one or the new one."""
    try:
        if command.output is rows and (home / "out" / "result.json").exists():
            rows(home)
        if (home / "tracks" / TRACK / "manifest.json").is_file():
            load_track(home / "tracks" / TRACK)
    except BadInput as error:
        return f"a reader after the kill: {error}"
    return ""


def run(name: str, command: Command, kills: int, random_: random.Random) -> Counter[str]:
    folder = Path(tempfile.mkdtemp(prefix=f"fsdl-kills-{name}-"))
    kept, home = folder / "kept", folder / "home"
    kept.mkdir()
    prepare(command, kept)
    shutil.copytree(kept, home)
    began = time.monotonic()
    if wrong := finish(command.first, home):
        raise SystemExit(f"{name}: the undisturbed run failed: {wrong}")
    seconds = time.monotonic() - began
    expected = command.output(home)
    outcomes: Counter[str] = Counter()
    for _ in range(kills):
        shutil.rmtree(home)
        shutil.copytree(kept, home)
        process = start(command.first, home)
        moment = random_.uniform(0, seconds)
        time.sleep(moment)
        killed = kill(process)
        wrong = readable(command, home) or finish(command.again, home)
        if not wrong and command.output(home) != expected:
            wrong = "another output"
        if not wrong and (left := leftovers(home)):
            wrong = f"left behind: {', '.join(left[:3])}"
        outcomes["FAILED" if wrong else "killed" if killed else "had ended"] += 1
        if wrong:
            print(f"{name}: killed after {moment:.2f} s: {wrong}", flush=True)
    shutil.rmtree(folder)
    print(f"{name:18} {dict(outcomes)}, {seconds:.1f} s undisturbed", flush=True)
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20, help="for each command")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--command", action="append", choices=COMMANDS, help="may be given several times")
    options = parser.parse_args()
    os.environ["FSDL_BENCH_OFFLINE"] = "1"
    random_ = random.Random(options.seed)
    total: Counter[str] = Counter()
    for name in options.command or COMMANDS:
        total += run(name, COMMANDS[name], options.kills, random_)
    print(f"{'all':18} {dict(total)}")
    sys.exit(1 if total["FAILED"] else 0)


if __name__ == "__main__":
    main()
