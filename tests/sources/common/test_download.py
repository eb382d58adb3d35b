"""The download of one file against a real server: every fault that a link or a server is known for."""

import email.utils
import hashlib
import time

import pytest

from fsdl_bench.errors import BadInput
from fsdl_bench.sources.common import download
from fsdl_bench.sources.common.download import TRIES, Downloader, NotFound

BODY = hashlib.sha256(b"seed").digest() * 40_000  # 1.28 MB: several chunks


@pytest.fixture
def get(host, tmp_path):
    host.files["/a.tar.gz"] = BODY

    def run(**options):
        target = tmp_path / "a.tar.gz"
        Downloader(tmp_path / "a.tar.gz.part", progress=False, **options)(f"{host.url}/a.tar.gz", target)
        return target.read_bytes()

    run.part = tmp_path / "a.tar.gz.part"
    return run


def _ranges(host):
    return [headers.get("Range") for _, headers in host.requests]


def test_whole_file_in_one_request(host, get):
    assert get() == BODY
    assert _ranges(host) == [None]
    assert list(get.part.parent.glob("*.part*")) == []


def test_dropped_connection_is_resumed_where_it_broke(host, get):
    host.faults = [("drop", 500_000), ("drop", 300_000)]
    assert get() == BODY
    assert _ranges(host) == [None, "bytes=500000-", "bytes=800000-"]


def test_a_later_run_resumes_what_a_killed_one_left(host, get):
    host.faults = [("drop", 700_000)] + [("status", 503)] * (TRIES - 1)
    with pytest.raises(BadInput, match=r"503.*run again"):
        get()
    assert get.part.stat().st_size == 700_000
    host.requests.clear()
    assert get() == BODY
    assert _ranges(host) == ["bytes=700000-"]


def test_file_that_changed_meanwhile_is_fetched_whole(host, get):
    host.faults = [("drop", 700_000)] + [("status", 503)] * (TRIES - 1)
    with pytest.raises(BadInput):
        get()
    host.files["/a.tar.gz"] = newer = BODY[::-1]
    assert get() == newer


def test_server_without_ranges_starts_over(host, get):
    host.ranges = False
    host.faults = [("drop", 500_000)]
    assert get() == BODY
    assert len(host.requests) == 2


def test_without_a_validator_nothing_is_stitched_unless_a_hash_is_checked(host, get):
    host.etag = False
    host.faults = [("drop", 500_000)]
    assert get() == BODY
    assert _ranges(host) == [None, None]
    host.requests.clear()
    host.faults = [("drop", 500_000)]
    assert get(blind=True) == BODY
    assert _ranges(host) == [None, "bytes=500000-"]


def test_part_that_is_already_whole(host, get):
    get.part.write_bytes(BODY)
    assert get(blind=True) == BODY
    assert _ranges(host) == [f"bytes={len(BODY)}-"]


def test_part_longer_than_the_file_is_thrown_away(host, get):
    get.part.write_bytes(BODY + b"more")
    assert get(blind=True) == BODY


def test_chunked_transfer_that_breaks_is_noticed(host, get):
    """A chunked answer has no length: only its end mark tells that all of it came."""
    host.chunked = True
    host.faults = [("drop", 500_000)]
    assert get() == BODY
    assert len(host.requests) == 2


def test_503_twice_then_success(host, get):
    host.faults = [("status", 503), ("status", 503)]
    assert get() == BODY
    assert host.waits == [1.0, 2.0]


def test_back_off_doubles_up_to_its_limit_then_gives_up(host, get):
    host.faults = [("status", 500)] * TRIES
    with pytest.raises(BadInput, match=f"500.*{TRIES} tries"):
        get()
    assert host.waits == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert len(host.requests) == TRIES


def test_tries_count_anew_when_the_file_grows(host, get):
    host.faults = [("drop", 100_000)] * (TRIES + 3)
    assert get() == BODY
    assert set(host.waits) == {1.0}


@pytest.mark.parametrize(
    ("value", "low", "high"), [("7", 7, 7), ("date", 40, 60), ("soon", 1, 1), ("9999", 300, 300)]
)
def test_429_waits_as_long_as_the_server_says(host, get, value, low, high):
    header = email.utils.formatdate(time.time() + 60, usegmt=True) if value == "date" else value
    host.faults = [("status", 429, {"Retry-After": header})]
    assert get() == BODY
    assert low <= host.waits[0] <= high


@pytest.mark.parametrize("status", [404, 410])
def test_missing_file_is_said_at_once(host, get, status):
    host.faults = [("status", status)]
    with pytest.raises(NotFound, match=f"nothing at {host.url}.*{status}"):
        get()
    assert host.waits == []


def test_other_refusals_are_not_retried(host, get):
    host.faults = [("status", 403)]
    with pytest.raises(BadInput, match="403"):
        get()
    assert len(host.requests) == 1


def test_unreachable_host_ends_in_one_line(host, tmp_path):
    with pytest.raises(BadInput, match=r"cannot fetch http://127.0.0.1:9/x.tar.gz: .*refused") as caught:
        Downloader(tmp_path / "x.part", progress=False)("http://127.0.0.1:9/x.tar.gz", tmp_path / "x")
    assert "\n" not in str(caught.value)
    assert len(host.waits) == TRIES - 1


def test_compressed_transfer_is_stored_as_it_lies_there(host, get):
    """A server that labels a .tar.gz as gzip-encoded must not have it unpacked on the way."""
    assert get() == BODY
    assert host.requests[0][1]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(None, None), ("", None), ("x", None), ("0", 0.0), ("Wed, 01 Jan 2020 00:00:00 GMT", 0.0)],
)
def test_retry_after(value, seconds):
    assert download._retry_after(value) == seconds
