"""The journal of a run, and what kills and damage can do to it."""

import json
import random
import subprocess
import sys

import psutil
import pytest

from fsdl_bench.errors import BadInput
from fsdl_bench.evaluation.audit import Check
from fsdl_bench.evaluation.entries import ENTRY, CellEntry, StartEntry, StateEntry
from fsdl_bench.evaluation.journal import open_journal
from fsdl_bench.submissions.session import Facts

FACTS = {"track": "x", "seeds": [0]}

START = StartEntry(
    seed=0,
    facts=Facts("Model", "n-gram", "Counts.", True, 3, "bfloat16", {"tokens": 3, "rate": 0.5, "tied": True}),
    sealing="none",
    fit_seconds=1.5,
    fit_processor_seconds=2.5,
    fit="ab",
    inputs=(),
)
STATE = StateEntry(seed=0, checks=(Check("state", 1, 0.1, 0.2, "there", (0.5,)),), audit=0.25)


def cell(number, nats=(0.1 + 0.2, 1e-300, 12.5)):
    return CellEntry(
        seed=0, cell=number, nats=nats, kinds=({},) * len(nats), checks=(), adapt=1, score=1, audit=1
    )


@pytest.fixture
def logged():
    return []


@pytest.fixture
def opened(logged):
    """A function that opens the journal and adds entries."""

    def open_and_add(*entries, facts=FACTS, resume=True):
        with open_journal(facts, resume, logged.append) as journal:
            for entry in entries:
                journal.append(entry)
        return journal

    return open_and_add


def test_resumes_with_the_same_bits(opened):
    first = opened(START, cell(0), cell(1), STATE)
    again = opened()
    assert again.entries == [START, cell(0), cell(1), STATE]
    assert again.audit_seed == first.audit_seed
    assert again.entries[1].nats[0] == 0.30000000000000004
    opened(cell(2))
    assert opened().entries[-1] == cell(2)


def test_the_kinds_of_entries_are_told_apart():
    for entry in (START, cell(0), STATE):
        assert ENTRY.validate_json(ENTRY.dump_json(entry)) == entry
    with pytest.raises(ValueError, match="tag"):
        ENTRY.validate_python({"entry": "other", "seed": 0})


def test_an_unfinished_run_is_not_discarded_unasked(opened):
    opened(START, cell(0))
    with pytest.raises(
        BadInput, match=r"unfinished run.*1 scored cells.*--resume continues.*--restart starts"
    ):
        opened(resume=None)


def test_starts_anew(opened):
    first = opened(START, cell(0))
    again = opened(resume=False)
    assert again.entries == []
    assert again.audit_seed != first.audit_seed


def test_resume_without_anything_there_starts(opened):
    assert opened().entries == []


def test_other_facts_are_another_run(opened):
    opened(START, cell(0))
    assert opened(facts=FACTS | {"seeds": [1]}, resume=None).entries == []


def test_discard_leaves_nothing(opened, logged):
    opened(START, cell(0))
    with open_journal(FACTS, True, logged.append) as journal:
        journal.discard()
    assert not journal.folder.exists()
    assert opened(resume=None).entries == []


@pytest.mark.parametrize("cut", [*range(1, 60), 100, 150])
def test_a_line_that_was_cut_off_is_dropped(opened, logged, cut):
    """A kill in the middle of a write leaves some first part of the line."""
    path = opened(START, cell(0), cell(1)).folder / "entries.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    again = opened(cell(1))
    assert again.entries == [START, cell(0), cell(1)]
    assert "1 of 3 lines are cut off or damaged and are dropped" in logged[-1]
    assert opened().entries == again.entries
    assert len(logged) == 1, "the damaged line is gone from the file"


def test_a_flipped_bit_never_changes_an_entry(opened, logged):
    entries = [START, *(cell(number, (number + 0.1, number + 0.7)) for number in range(4)), STATE]
    folder = opened(*entries).folder
    whole = {path.name: path.read_bytes() for path in folder.glob("*")}
    assert sorted(whole) == ["entries.jsonl", "run.json", "run.json.xxh3"]
    seed = opened().audit_seed
    choose = random.Random(2)
    kept = []
    for turn in range(400):
        name = "entries.jsonl" if turn % 4 else choose.choice(["run.json", "run.json.xxh3"])
        data = bytearray(whole[name])
        at = data.index(b"\n", len(data) // 2) if turn == 1 else choose.randrange(len(data))
        data[at] ^= 1 << choose.randrange(8)
        (folder / name).write_bytes(data)
        logged.clear()
        again = opened()
        assert logged, "the damage is reported"
        if again.entries:
            assert again.audit_seed == seed
            assert all(entry in entries for entry in again.entries)
            assert isinstance(again.entries[0], StartEntry)
        kept.append(len(again.entries))
        for other, content in whole.items():
            (folder / other).write_bytes(content)
    assert set(kept) == {0, 4, 5}, "a flipped end of a line damages two lines"


def test_scores_without_the_start_of_their_seed_are_dropped(opened):
    path = opened(START, cell(0)).folder / "entries.jsonl"
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[1])
    assert opened().entries == []


def test_the_journal_of_another_run_is_not_taken(opened, logged):
    mine = opened(START, cell(0)).folder
    other = opened(START, facts=FACTS | {"seeds": [1]}).folder
    for name in ("run.json", "run.json.xxh3"):
        (mine / name).write_bytes((other / name).read_bytes())
    assert opened().entries == []
    assert "run.json is damaged; the run starts from the beginning" in logged[-1]


def test_two_processes_do_not_share_a_journal(opened):
    journal = opened()
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        started = psutil.Process(sleeper.pid).create_time()
        (journal.folder / "owner.json").write_text(json.dumps({"pid": sleeper.pid, "started": started}))
        with pytest.raises(BadInput, match=f"process {sleeper.pid} is running this evaluation"):
            opened()
    finally:
        sleeper.kill()
        sleeper.wait()
    assert opened().entries == []


def test_the_number_of_a_dead_process_may_have_been_given_away(opened):
    journal = opened(START, cell(0))
    (journal.folder / "owner.json").write_text(json.dumps({"pid": 1, "started": 12345.0}))
    assert len(opened().entries) == 2
