"""A pytest plugin for CI: fail on a skip that is not expected, and on an expected skip that does not happen.

    python -m pytest -p tests.strict_skips --expect-skip no-chromium

`tests/expected_skips.toml` gives each name its reason. Without the plugin a skip is only reported.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

KNOWN = tomllib.loads((Path(__file__).parent / "expected_skips.toml").read_text("utf-8"))


def pytest_addoption(parser):
    parser.addoption("--expect-skip", action="append", default=[], choices=sorted(KNOWN))


def pytest_configure(config):
    if not hasattr(config, "workerinput"):  # the reports of pytest-xdist's workers arrive at the controller
        config.pluginmanager.register(StrictSkips(config.getoption("--expect-skip")))


class StrictSkips:
    """Compare the skips of a session with the expected ones."""

    def __init__(self, expected: list[str]) -> None:
        self.expected = expected
        self.happened: dict[str, int] = dict.fromkeys(expected, 0)
        self.unexpected: list[str] = []

    def pytest_runtest_logreport(self, report):
        self.add(report)

    def pytest_collectreport(self, report):
        self.add(report)

    def add(self, report):
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        for name in self.expected:
            if KNOWN[name]["reason"] in reason:
                self.happened[name] += 1
                return
        self.unexpected.append(f"{report.nodeid}: {reason}")

    @property
    def stale(self) -> list[str]:
        return [name for name, count in self.happened.items() if not count]

    def pytest_terminal_summary(self, terminalreporter):
        write = terminalreporter.write_line
        for name, count in self.happened.items():
            if count:
                write(f"EXPECTED SKIP {name}, {count} tests: {KNOWN[name]['why']}")
        for name in self.stale:
            write(f"STALE SKIP {name}: no test was skipped for it, so do not expect it", red=True)
        for line in sorted(set(self.unexpected)):
            write(f"UNEXPECTED SKIP {line}", red=True)

    def pytest_sessionfinish(self, session):
        if (self.unexpected or self.stale) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
