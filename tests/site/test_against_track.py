"""Results against the built track: forged rows, missing artists, missing audits, scores that cannot be."""

import dataclasses

import pytest

from fsdl_bench.results import write_result
from fsdl_bench.site.against_track import against_track, optimum_finding


@pytest.fixture
def stored(toy, run, model, counting):
    """An honest result on the toy track."""
    return run(model(counting))


def _findings(stored):
    return {finding.rule: finding for finding in against_track(stored)}


@pytest.fixture
def rewritten(song_rows, tmp_path):
    """`rewritten(stored, change, ...)`: the same result with other rows; its figures follow from them."""

    def rewrite(stored, change, **fields):
        rows = [new for row in song_rows(stored.rows) if (new := change(row)) is not None]
        return write_result(tmp_path / "forged.json", stored.result.model_copy(update=fields), rows)

    return rewrite


def test_an_honest_result_passes(stored):
    found = _findings(stored)
    assert {rule for rule, finding in found.items() if not finding.passed} == set()
    assert set(found) == {"plausible", "episodes", "rows", "audits planned"}


def test_results_of_other_kinds_pass(toy, run, model, counting):
    for options in ({"protocol": "streaming"}, {"verified": True}, {"shots": [0, 5]}):
        found = _findings(run(model(counting), **options))
        assert all(finding.passed for finding in found.values()), (options, found)


FORGED = {
    "zero nats": ("plausible", "no known model", lambda row: dataclasses.replace(row, nats=0.0)),
    "doubled units": ("rows", "other units", lambda row: dataclasses.replace(row, units=2 * row.units)),
    "one token more": ("rows", "other tokens", lambda row: dataclasses.replace(row, tokens=row.tokens + 1)),
    "the easier artist": ("rows", "are missing", lambda row: row if row.artist == "eva" else None),
    "no zero shots": ("rows", "are missing", lambda row: row if row.shots else None),
    "another song": (
        "rows",
        "are missing",
        lambda row: dataclasses.replace(row, song_id=row.song_id.replace("a", "b")),
    ),
    "an optimum": (
        "rows",
        "no meaning on this track",
        lambda row: dataclasses.replace(row, optimal_nats=1.0),
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_rows(stored, rewritten, name):
    rule, words, change = FORGED[name]
    finding = _findings(rewritten(stored, change))[rule]
    assert finding.passed is False
    assert words in finding.detail


def test_one_audit_instead_of_seven(stored, rewritten):
    forged = rewritten(stored, lambda row: row, audits=stored.result.audits[:1])
    finding = _findings(forged)["audits planned"]
    assert finding.passed is False
    assert "independence: expected at least" in finding.detail


def test_audits_with_fewer_checks_than_planned(stored, rewritten):
    few = tuple(verdict.model_copy(update={"checks": 0}) for verdict in stored.result.audits)
    assert _findings(rewritten(stored, lambda row: row, audits=few))["audits planned"].passed is False


def test_other_episodes(stored, rewritten):
    track = stored.result.track.model_copy(update={"episodes_digest": "ef" * 16})
    assert _findings(rewritten(stored, lambda row: row, track=track))["episodes"].passed is False


def test_without_the_track_nothing_is_said_to_be_ok(stored, own_home):
    (own_home / "tracks" / "toy").rename(own_home / "elsewhere")
    found = _findings(stored)
    assert [found[rule].passed for rule in ("episodes", "rows", "audits planned")] == [None] * 3
    assert "fsdl-bench build toy" in found["rows"].detail


def test_better_than_the_best_possible(fake, tmp_path):
    stored = fake(tmp_path / "x.json", "x", level=0.5)
    assert stored.result.aggregates.shots[0].to_optimum.high < 0
    assert optimum_finding(stored.result).passed is False
    reference = fake(tmp_path / "y.json", "y", level=0.5, family="reference")
    assert optimum_finding(reference.result).passed is True
