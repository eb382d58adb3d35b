"""Fixtures that every test may use: a home of its own, no network, and the mirror of real data."""

import os
from pathlib import Path

import pytest

MIRROR = Path(os.environ.get("FSDL_BENCH_MIRROR", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory, monkeypatch):
    """Every test has an empty FSDL_BENCH_HOME and may not use the network."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("FSDL_BENCH_HOME", str(folder))
    monkeypatch.setenv("FSDL_BENCH_OFFLINE", "1")
    return folder


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The folder of archives that mirrors the public hosts; a test that asks for it is skipped without it."""
    if not any(MIRROR.glob("*.tar.gz")):
        pytest.skip(f"no mirror of the real data in {MIRROR} (set FSDL_BENCH_MIRROR)")
    return MIRROR
