"""The plugin that makes CI fail on unexpected and on stale skips, in sessions of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
BROWSER = (
    "import pytest\ndef test_page():\n    pytest.skip('no chromium on the PATH (apt-get install chromium)')\n"
)
RUNS = "def test_one():\n    pass\n"
FAILS = "def test_two():\n    raise ValueError\n"
MODULE = "import pytest\npytest.skip('the moon is full', allow_module_level=True)\n"


@pytest.fixture
def session(tmp_path):
    """A function that runs pytest with the plugin on a file and returns the exit status and the output."""

    def run(text, *options):
        (tmp_path / "test_it.py").write_text(text)
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "COV"))}
        environ["PYTHONPATH"] = str(TESTS)
        command = [sys.executable, "-m", "pytest", "-p", "strict_skips", "-p", "no:cacheprovider", *options]
        done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
        assert not done.stderr
        return done.returncode, re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)

    return run


@pytest.mark.parametrize("workers", [(), ("-n", "1")])
def test_an_expected_skip_passes_with_its_reason(session, workers):
    status, said = session(BROWSER + RUNS, "--expect-skip", "no-chromium", *workers)
    assert status == 0, said
    assert "EXPECTED SKIP no-chromium, 1 tests: The browser tests need Chromium" in said


@pytest.mark.parametrize("workers", [(), ("-n", "1")])
def test_an_unexpected_skip_fails(session, workers):
    status, said = session(BROWSER + RUNS, *workers)
    assert status == 1
    assert "UNEXPECTED SKIP test_it.py::test_page: Skipped: no chromium on the PATH" in said


def test_an_unexpected_skip_of_a_whole_file_fails(session):
    status, said = session(MODULE)
    assert status != 0
    assert "UNEXPECTED SKIP test_it.py: Skipped: the moon is full" in said


def test_a_stale_expectation_fails(session):
    status, said = session(BROWSER, "--expect-skip", "no-chromium", "--expect-skip", "no-landlock")
    assert status == 1
    assert "STALE SKIP no-landlock" in said
    assert "STALE SKIP no-chromium" not in said


def test_without_skips_it_changes_nothing(session):
    assert session(RUNS)[0] == 0
    status, said = session(RUNS + FAILS)
    assert status == 1
    assert "SKIP" not in said
