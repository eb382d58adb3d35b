"""Every test file on disk is collected. Pytest skips some folders by their name alone, such as `build`."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def uncollected(root):
    """The test files under `root/tests` from which pytest, started in `root`, takes no test."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "COV"))}
    command = [sys.executable, "-m", "pytest", "--collect-only", "-qq", "-rs", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=root, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    # With -qq a line per file: "tests/test_api.py: 12". A file that is skipped as a whole is in the summary.
    counted = re.findall(r"^(tests/\S+\.py): [1-9]\d*$", done.stdout, re.M)
    skipped = re.findall(r"^SKIPPED \[\d+\] (tests/\S+\.py):\d+: ", done.stdout, re.M)
    on_disk = {path.relative_to(root).as_posix() for path in (root / "tests").rglob("test_*.py")}
    assert on_disk
    return on_disk - {*counted, *skipped}


def test_every_test_file_is_collected():
    assert uncollected(ROOT) == set()


def test_a_file_in_a_folder_that_pytest_skips_is_noticed(tmp_path):
    for name in ("tests/test_one.py", "tests/build/test_two.py", "tests/builder/test_three.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("def test_it():\n    pass\n")
    assert uncollected(tmp_path) == {"tests/build/test_two.py"}
