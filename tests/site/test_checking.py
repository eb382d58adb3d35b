"""The check before a pull request: what passes, each way to fail, and every committed result."""

import hashlib
import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from fsdl_bench.cli import main
from fsdl_bench.results import AuditVerdict, Environment
from fsdl_bench.site.checking import check_result

ROOT = Path(__file__).parents[2]
RESULTS = sorted((ROOT / "leaderboard" / "results").rglob("*.json"))
CODE = b"class Model: ...\n"


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A repository with a committed `models/my.py`, and what a good result says of it."""

    def git(*words):
        done = subprocess.run(
            ["git", "-C", str(tmp_path), *words], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "my.py").write_bytes(CODE)
    git("init", "-q")
    git("add", "models")
    git("-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-q", "-m", "A model")
    commit = git("rev-parse", "HEAD")
    good = {
        "source": "models/my.py:Model",
        "sha256": hashlib.sha256(CODE).hexdigest(),
        "environment": _environment(commit, dirty=False),
    }
    return tmp_path, good


def _environment(commit, dirty):
    return Environment(
        device="cpu", python="3.11", platform="Linux", packages={}, git_commit=commit, git_dirty=dirty
    )


def _broken(path):
    return {finding.rule: finding.detail for finding in check_result(path) if finding.passed is False}


def test_a_good_result_passes(clone, fake):
    folder, good = clone
    path = folder / "results" / "my.json"
    fake(path, "my", **good)
    assert _broken(path) == {}
    done = CliRunner().invoke(main, ["leaderboard", "check", str(path)])
    assert done.exit_code == 0
    assert "FAIL" not in done.output
    assert "?     rows: not checked: lyrics-synthetic is not built here" in done.output
    assert "3 rules could not be checked" in done.output
    assert "ok    submission: models/my.py has the sha256 that was evaluated" in done.output


def test_a_later_change_of_the_file_is_said_but_no_failure(clone, fake):
    folder, good = clone
    fake(folder / "my.json", "my", **good)
    (folder / "models" / "my.py").write_text("class Model: changed = True\n")
    assert _broken(folder / "my.json") == {}
    (found,) = [f.detail for f in check_result(folder / "my.json") if f.rule == "submission"]
    assert "changed later" in found


@pytest.mark.parametrize(
    ("shots", "words"),
    [((0, 5), ""), ((0, 2, 5, 20), ""), ((2, 5), "expected 0, 1, 2, 5"), ((0, 3, 5), "0, 3, 5")],
)
def test_some_of_the_shots_are_enough(clone, fake, shots, words):
    folder, good = clone
    fake(folder / "my.json", "my", shots=shots, **good)
    (finding,) = [f for f in check_result(folder / "my.json") if f.rule == "shots"]
    assert finding.passed is (not words)
    assert words in finding.detail


FAILED = AuditVerdict(rule="causality", passed=False, checks=1, worst=1.0, tolerance=0.1, detail="")


@pytest.mark.parametrize(
    ("changes", "rule", "words"),
    [
        ({"smoke": True}, "audits", "smoke run"),
        ({"audits": (FAILED,)}, "audits", "broke the rule: causality"),
        ({"audits": ()}, "audits", "not audited"),
        ({"sha256": "0" * 64}, "submission", "found another sha256"),
        ({"source": "models/other.py"}, "submission", "found no such file"),
        ({"source": "/my.py"}, "submission", "is no path of a .py file"),
        ({"source": "../my.py"}, "submission", "is no path of a .py file"),
        ({"source": "package:Model"}, "submission", "is no path of a .py file"),
        ({"environment": _environment(None, None)}, "commit", "outside a git repository"),
        ({"environment": _environment("ab" * 20, True)}, "commit", "commit them and evaluate again"),
    ],
)
def test_each_way_to_fail(clone, fake, changes, rule, words):
    folder, good = clone
    path = folder / "my.json"
    fake(path, "my", **(good | changes))
    assert words in _broken(path)[rule]
    done = CliRunner().invoke(main, ["leaderboard", "check", str(path)])
    assert done.exit_code == 2
    assert f"FAIL  {rule}: " in done.output


def test_the_track_must_be_the_frozen_one(clone, fake):
    folder, good = clone
    track = fake(folder / "my.json", "my", **good).result.track
    for changes, words in (
        ({"digest": "ab" * 32}, "build the track and evaluate again"),
        ({"name": "mine"}, "unknown track mine"),
        ({"name": "midi-lakh"}, "not frozen"),
    ):
        fake(folder / "x.json", "x", track_info=track.model_copy(update=changes), **good)
        assert words in _broken(folder / "x.json")["track"]


def test_the_facts_of_the_track_are_compared_with_its_definition(clone, fake):
    folder, good = clone
    track = fake(folder / "my.json", "my", **good).result.track
    for field, other in {"queries": 3, "episodes": 9, "codec": "note10ms-v1", "unit": "note"}.items():
        fake(folder / "x.json", "x", track_info=track.model_copy(update={field: other}), **good)
        assert f"track.{field} is {other!r}, but lyrics-synthetic has" in _broken(folder / "x.json")["track"]


def test_two_results_of_the_same_name(clone, fake):
    folder, good = clone
    fake(folder / "a.json", "a", **good)
    fake(folder / "b.json", "A", **good)
    assert "has the model name 'A' too" in _broken(folder / "b.json")["name"]


def test_a_result_cannot_say_that_it_is_verified(clone, fake):
    folder, good = clone
    fake(folder / "my.json", "my", status="verified", **good)
    assert "only leaderboard/verified.toml" in _broken(folder / "my.json")["status"]


def test_figures_that_do_not_follow_from_the_rows(clone, fake):
    folder, good = clone
    path = folder / "my.json"
    fake(path, "my", **good)
    stated = json.loads(path.read_text())
    stated["aggregates"]["shots"][0]["nll"]["mean"] -= 0.1
    path.write_text(json.dumps(stated))
    (finding,) = check_result(path)
    assert not finding.passed
    assert "its song rows give" in finding.detail


def test_the_repository_has_results():
    assert RESULTS


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_result_of_the_repository_passes(path):
    assert _broken(path) == {}


def test_a_commit_that_is_no_hash_never_reaches_git(clone, fake):
    """`git show --output=FILE:...` would write a file."""
    folder, good = clone
    fake(folder / "my.json", "my", **(good | {"environment": _environment(f"--output={folder}/x", False)}))
    (found,) = [finding for finding in check_result(folder / "my.json") if finding.rule == "commit"]
    assert not found.passed
    assert not [path for path in folder.iterdir() if path.name.startswith("x")]
