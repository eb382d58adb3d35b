"""The length of **kern scores, by hand-made tables, and how a conversion is held against it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsdl_bench.music.kern import mismatch, span_in_quarters


def _midi(quarters: list[int]) -> bytes:
    """Notes at these quarters, written byte by byte, 96 ticks a quarter."""
    now, events = 0, b""
    for quarter in quarters:
        gap = quarter * 96 - now
        events += (
            bytes([0x80 | gap >> 14 & 0x7F, 0x80 | gap >> 7 & 0x7F, gap & 0x7F])
            + b"\x90\x3c\x40\x10\x80\x3c\x00"
        )
        now = quarter * 96 + 16
    track = events + b"\x00\xff\x2f\x00"
    head = b"MThd" + (6).to_bytes(4, "big") + b"\x00\x00\x00\x01\x00\x60"
    return head + b"MTrk" + len(track).to_bytes(4, "big") + track


@pytest.mark.parametrize(
    ("lines", "quarters"),
    [
        (["**kern", "4c", "4d", "4e"], 2),
        (["**kern", "4r", "4c", "4d", "4r"], 1),
        (["**kern", "2.c", "4d"], 3),
        (["**kern", "2..c", "8d"], 3.5),
        (["**kern", "0c", "00d", "1e"], 24),
        (["**kern", "3%2c", "4d"], 8 / 3),
        (["**kern", "12c", "12d", "12e", "4f"], 1),
        (["**kern", "4c 4e 4g", "4c"], 1),
        (["**kern", "[2c", "=2", "2c]", "4d"], 4),
        (["**kern", "8cq", "4d", "8eqq", "4f"], 1),
        (["**text\t**kern", "la\t4c", "-la\t4d"], 1),
        (["**kern\t**kern", "2c\t4e", ".\t4f", "4d\t4g"], 2),
        (["**kern", "*^", "2c\t4e", ".\t4f", "*v\t*v", "4d"], 2),
        (["**kern\t**kern", "*x\t*x", "4c\t2d", "4e\t.", "4f\t4g"], 2),
        (["!!!COM: Chopin", "**kern", "*M4/4", "=1", "1c", "!comment", "=2", "4d", "=="], 4),
        (["no score at all"], 0),
        ([], 0),
    ],
)
def test_spans(lines, quarters):
    end = "\t".join(["*-"] * (lines[-1].count("\t") + 1)) if lines else ""
    assert span_in_quarters("\n".join([*lines, end])) == pytest.approx(quarters)


@given(st.lists(st.sampled_from([1, 2, 4, 8, 16]), min_size=2, max_size=30), st.integers(1, 4))
def test_the_span_is_the_sum_of_the_lengths(lengths, parts):
    """Parts that move together, with bar lines at random places, last as long as one of them."""
    rows = [["**kern"] * parts]
    for number, length in enumerate(lengths):
        rows += [[f"{length}c"] * parts] + ([[f"={number}"] * parts] if number % 3 == 0 else [])
    text = "\n".join("\t".join(row) for row in rows)
    assert span_in_quarters(text) == pytest.approx(sum(4 / length for length in lengths[:-1]))


def test_mismatch():
    text = "**kern\n4c\n4d\n=2\n2e\n4f\n*-\n"
    assert mismatch(text, _midi([0, 1, 2, 4])) == 0
    assert mismatch(text, _midi([3, 4, 5, 7])) == 0
    assert mismatch(text, _midi([0, 1, 2, 5])) == 0
    assert mismatch(text, _midi([0, 1, 2, 8])) == pytest.approx(1)
    assert mismatch(text, _midi([0, 1])) == pytest.approx(3 / 4)
