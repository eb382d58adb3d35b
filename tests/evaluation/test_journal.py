"""The journal of a run, and what a kill can do to it."""

import json
import subprocess
import sys

import psutil
import pytest

from fsdl_bench.errors import BadInput
from fsdl_bench.evaluation.journal import open_journal

FACTS = {"track": "x", "seeds": [0]}


def written(*entries, resume=None):
    with open_journal(FACTS, resume) as journal:
        for entry in entries:
            journal.append(entry)
    return journal


def found(facts=FACTS, resume=True):
    with open_journal(facts, resume) as journal:
        return journal


def test_goes_on_where_it_was():
    first = written({"cell": 0, "nats": [0.1 + 0.2]}, {"cell": 1})
    with open_journal(FACTS, resume=True) as again:
        assert again.entries == [{"cell": 0, "nats": [0.30000000000000004]}, {"cell": 1}]
        assert again.audit_seed == first.audit_seed
        again.append({"cell": 2})
    assert len(found().entries) == 3


def test_an_unfinished_run_is_not_thrown_away_unasked():
    written({"cell": 0})
    with pytest.raises(BadInput, match=r"unfinished run.*1 cells.*--resume goes on.*--restart starts anew"):
        open_journal(FACTS, resume=None)


def test_starts_anew():
    first = written({"cell": 0})
    again = found(resume=False)
    assert again.entries == []
    assert again.audit_seed != first.audit_seed


def test_resume_without_anything_there_starts():
    assert found().entries == []


def test_other_facts_are_another_run():
    written({"cell": 0})
    assert found(FACTS | {"seeds": [1]}, resume=None).entries == []


def test_discard_leaves_nothing():
    written({"cell": 0})
    with open_journal(FACTS, resume=True) as journal:
        journal.discard()
    assert not journal.folder.exists()
    assert found(resume=None).entries == []


@pytest.mark.parametrize("cut", range(1, 25))
def test_a_line_that_was_cut_off_is_dropped(cut):
    """A kill in the middle of a write leaves some first part of the line."""
    journal = written({"cell": 0}, {"cell": 1, "nats": [12.5]})
    path = journal.folder / "entries.jsonl"
    data = path.read_bytes()
    path.write_bytes(data[:-cut])
    with open_journal(FACTS, resume=True) as again:
        assert again.entries == [{"cell": 0}]
        again.append({"cell": 1})
    assert [json.loads(line) for line in path.read_text().splitlines()] == [{"cell": 0}, {"cell": 1}]


def test_two_processes_do_not_share_a_journal():
    journal = written()
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        started = psutil.Process(sleeper.pid).create_time()
        (journal.folder / "owner.json").write_text(json.dumps({"pid": sleeper.pid, "started": started}))
        with pytest.raises(BadInput, match=f"under way in process {sleeper.pid}"):
            open_journal(FACTS, resume=True)
    finally:
        sleeper.kill()
        sleeper.wait()
    assert found().entries == []


def test_the_number_of_a_dead_process_may_have_been_given_away():
    journal = written({"cell": 0})
    (journal.folder / "owner.json").write_text(json.dumps({"pid": 1, "started": 12345.0}))
    assert len(found().entries) == 1
