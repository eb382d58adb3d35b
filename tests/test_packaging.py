"""What pip installs: the wheel works in an empty folder, and the sdist has everything that git tracks."""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
"""Without measuring coverage: the files of the wheel would be listed beside those of the checkout."""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder with the wheel and the sdist of this checkout."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """A folder with the content of the wheel, and nothing else of the checkout."""
    folder = tmp_path_factory.mktemp("site")
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture
def fsdl_bench(installed, tmp_path):
    """A function that runs a command of the wheel in an empty folder, and returns what it prints."""
    empty = tmp_path / "empty"
    empty.mkdir()

    def run(*words):
        return subprocess.run(
            [sys.executable, "-m", "fsdl_bench", *words],
            cwd=empty,
            env=ENVIRONMENT | {"PYTHONPATH": str(installed), "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout

    return run


def test_the_wheel_lists_the_reference_models_with_their_figures(fsdl_bench):
    printed = fsdl_bench("models")
    assert re.search(r"│ lstm +│ .* │ 1\.\d{4} +│ 2\.\d{4} +│", printed)
    assert {path.stem for path in (ROOT / "baselines").glob("[!_]*.py")} <= set(re.findall(r"\w+", printed))


def test_the_wheel_evaluates_ranks_and_shows_a_reference_model(fsdl_bench, tmp_path):
    fsdl_bench("build", "lyrics-synthetic", "--workers", "0")
    words = ("--submission", "fsdl_bench:unigram", "--track", "lyrics-synthetic", "--shots", "0,5")
    assert re.search(r"Rank \d+ of \d+ with the reference models", fsdl_bench("evaluate", *words))
    assert "build-output" in fsdl_bench("leaderboard", "build")
    page = (tmp_path / "empty/build-output/leaderboard/tracks/lyrics-synthetic.html").read_text("utf-8")
    assert "Unigram" in page, "the own result"
    assert "lstm" in page, "a reference result"


def test_the_metadata_lead_to_the_repository(built):
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = message_from_bytes(archive.read(name))
    urls = dict(line.split(", ") for line in metadata.get_all("Project-URL"))
    assert {"Homepage", "Documentation", "Changelog", "Issues"} <= urls.keys()
    assert all(url.startswith(urls["Homepage"]) for url in urls.values())
    links = re.findall(r"\]\(([^)]*)\)", metadata.get_payload())
    assert len(links) > 10
    assert not [link for link in links if not link.startswith("https://")]
    inside = [link.removeprefix(f"{urls['Homepage']}/blob/main/") for link in links if "/blob/main/" in link]
    assert [path for path in inside if not (ROOT / path).is_file()] == []


def test_the_sdist_has_everything_that_git_tracks(built):
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no git checkout")
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {name for name in listed.stdout.splitlines() if (ROOT / name).exists()} <= names
    assert not {name for name in names if name.startswith((".venv", "demo", "build-output", "docs/_build"))}
