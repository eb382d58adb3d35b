"""The list of verified results: what is ranked, what an entry holds for, and who may write one."""

import hashlib
import subprocess

import pytest
from click.testing import CliRunner

from fsdl_bench.cli import main
from fsdl_bench.errors import BadInput
from fsdl_bench.results import read_result
from fsdl_bench.site.boards import place
from fsdl_bench.site.verified import NAME, add_verified, proposal, read_verified


@pytest.fixture
def results(fake, tmp_path):
    return [fake(tmp_path / f"{name}.json", name, level=level) for name, level in (("a", 1.4), ("b", 1.3))]


def _standings(results, verified):
    return {one.slug: one.standing for one in place(results, "", verified=verified)}


def test_only_verified_results_are_ranked(entry_of, results):
    assert _standings(results, [entry_of(results[0])]) == {"a": "ranked", "b": "unverified"}
    assert _standings(results, []) == {"a": "unverified", "b": "unverified"}
    (first, _) = place(results, "", verified=[entry_of(results[0])])
    assert first.verified.by == "A Maintainer", "the better one is not verified and comes second"


def test_without_a_list_every_acceptable_result_is_ranked(results):
    assert _standings(results, None) == {"a": "ranked", "b": "ranked"}


@pytest.mark.parametrize(
    "changes", [{"rows": "0" * 64}, {"model": "x"}, {"protocol": "streaming"}, {"track": "midi-scores"}]
)
def test_an_entry_holds_for_exactly_these_scores(entry_of, results, changes):
    assert _standings(results, [entry_of(results[0], **changes)])["a"] == "unverified"


def test_a_status_in_the_result_changes_nothing(fake, tmp_path):
    stored = fake(tmp_path / "a.json", "a", status="verified")
    assert _standings([stored], []) == {"a": "unverified"}


def test_the_list_can_be_written_and_read(entry_of, results, tmp_path):
    path = tmp_path / "board" / NAME
    assert read_verified(path) is None
    add_verified(path, [entry_of(results[0]), entry_of(results[1])])
    newer = entry_of(results[0], by="Another")
    add_verified(path, [newer])
    assert read_verified(path) == (newer, entry_of(results[1]))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[verified]]\ntrack = 3\n", "verified.0.track"),
        ("verified = 1\n", "verified"),
        ("[[verified\n", "expected"),
    ],
)
def test_a_damaged_list(tmp_path, text, words):
    (tmp_path / NAME).write_text(text)
    with pytest.raises(BadInput, match=words):
        read_verified(tmp_path / NAME)


def test_only_a_verified_run_is_proposed(fake, tmp_path):
    batched = fake(tmp_path / "a.json", "a")
    with pytest.raises(BadInput, match="found mode batched"):
        proposal(batched, batched, "A")
    run = fake(tmp_path / "run.json", "a", mode="verified", guarantees=("each cell in a fork",))
    with pytest.raises(BadInput, match="--by"):
        proposal(batched, run, " ")
    found = proposal(batched, run, "A")
    assert (found.rows, found.by) == (batched.result.rows.sha256, "A")
    assert found.names(batched.result)


def test_accept_refuses_what_the_check_refuses(fake, tmp_path):
    fake(tmp_path / "a.json", "a", mode="verified")
    path = tmp_path / NAME
    done = CliRunner().invoke(
        main, ["leaderboard", "accept", str(tmp_path / "a.json"), "--by", "A", "--list", str(path)]
    )
    assert done.exit_code == 2
    assert not path.exists()


def test_accept_adds_an_entry(fake, tmp_path):
    code = b"class Model: ...\n"
    (tmp_path / "my.py").write_bytes(code)
    for words in (
        ["init", "-q"],
        ["add", "my.py"],
        ["-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "-qm", "A"],
    ):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    commit = subprocess.run(
        ["git", "-C", str(tmp_path), "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    stored = fake(tmp_path / "x.json", "x")
    environment = stored.result.environment.model_copy(update={"git_commit": commit, "git_dirty": False})
    good = {"source": "my.py", "sha256": hashlib.sha256(code).hexdigest(), "environment": environment}
    fake(tmp_path / "a.json", "a", mode="verified", **good)
    path = tmp_path / NAME
    words = ["leaderboard", "accept", str(tmp_path / "a.json"), "--by", "A", "--list", str(path)]
    done = CliRunner().invoke(main, words, catch_exceptions=False)
    assert done.exit_code == 0
    (found,) = read_verified(path)
    assert found.names(read_result(tmp_path / "a.json").result)
