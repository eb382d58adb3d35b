"""Every test file on disk is collected: pytest skips some folders by their name alone."""

import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent


def test_every_test_file_is_collected():
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
    ]
    found = subprocess.run(command, cwd=TESTS.parent, capture_output=True, text=True, check=False)
    collected = {line.partition("::")[0] for line in found.stdout.splitlines() if "::" in line}
    # A file whose import is skipped as a whole is named in the summary instead.
    skipped = {path for path in found.stdout.split() if path.startswith("tests/")}
    on_disk = {f"tests/{path.relative_to(TESTS).as_posix()}" for path in TESTS.rglob("test_*.py")}
    missing = {path for path in on_disk - collected if not any(one.startswith(path) for one in skipped)}
    assert not missing
    assert len(collected) > 100
