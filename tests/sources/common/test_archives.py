"""Fetching and unpacking: from a folder, a URL and the public host, whole or with every kind of damage."""

import errno
import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import tarfile
import time
from pathlib import Path

import pytest

from fsdl_bench.errors import BadInput
from fsdl_bench.sources.common import archives
from fsdl_bench.sources.common.archives import Archive, fetch
from fsdl_bench.sources.common.tree import Tree

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SONGS = Archive("someone/songs", COMMIT)
FILES = {"a.txt": b"one", "deep/er/b.txt": b"two", "unicode \xe9.txt": b"three"}


def _contents(folder: Path) -> dict[str, bytes]:
    tree = Tree(folder)
    return {path: tree.read(path) for path in tree.files()}


@pytest.fixture
def mirror_dir(tmp_path, make_archive):
    folder = tmp_path / "mirror"
    folder.mkdir()
    (folder / f"{SONGS.name}.tar.gz").write_bytes(make_archive(FILES))
    return folder


def test_from_a_mirror_folder(mirror_dir, own_home):
    folder = fetch(SONGS, mirror_dir)
    assert _contents(folder) == FILES
    assert folder == own_home / "sources" / SONGS.name / "files"
    assert json.loads((folder.parent / "complete.json").read_text())["files"] == 3
    assert (mirror_dir / f"{SONGS.name}.tar.gz").exists()


def test_second_call_needs_neither_mirror_nor_network(mirror_dir, monkeypatch):
    folder = fetch(SONGS, mirror_dir)
    before = (folder / "a.txt").stat().st_mtime_ns
    with monkeypatch.context() as patch:  # nor a home that can be written
        patch.setattr(Path, "mkdir", None)
        patch.setattr("filelock.FileLock", None)
        assert fetch(SONGS) == folder
    assert (folder / "a.txt").stat().st_mtime_ns == before


def test_folder_that_was_emptied_is_made_again(mirror_dir):
    folder = fetch(SONGS, mirror_dir)
    shutil.rmtree(folder)
    assert _contents(fetch(SONGS, mirror_dir)) == FILES


def test_from_a_mirror_url(host, make_archive, own_home):
    host.files[f"/data/{SONGS.name}.tar.gz"] = make_archive(FILES)
    assert _contents(fetch(SONGS, f"{host.url}/data/")) == FILES
    assert list((own_home / "downloads").iterdir()) == []


def test_from_the_public_host(host, make_archive, monkeypatch):
    monkeypatch.setattr(archives, "PUBLIC_HOST", host.url + "/{owner}/{repo}/tar.gz/{commit}")
    host.files[f"/someone/songs/tar.gz/{COMMIT}"] = make_archive(FILES)
    host.faults = [("drop", 100), ("status", 503)]
    assert _contents(fetch(SONGS)) == FILES
    assert len(host.requests) == 3


def test_address_of_a_commit():
    assert SONGS.address == f"https://codeload.github.com/someone/songs/tar.gz/{COMMIT}"


def test_file_by_url_and_hash(host, make_archive):
    data = make_archive(FILES)
    host.files["/x/songs.tar.gz"] = data
    archive = Archive(url=f"{host.url}/x/songs.tar.gz", sha256=hashlib.sha256(data).hexdigest())
    assert archive.name == "songs"
    assert _contents(fetch(archive)) == FILES


def test_wrong_hash_is_named_and_the_next_run_starts_clean(host, make_archive, own_home):
    data, wrong = make_archive(FILES), make_archive({"a.txt": b"forged"})
    digest = hashlib.sha256(data).hexdigest()
    host.files["/songs.tar.gz"] = wrong
    archive = Archive(url=f"{host.url}/songs.tar.gz", sha256=digest)
    with pytest.raises(
        BadInput, match=f"expected sha256 {digest}, found {hashlib.sha256(wrong).hexdigest()}"
    ):
        fetch(archive)
    assert not (own_home / "sources" / "songs").exists()
    host.files["/songs.tar.gz"] = data
    assert _contents(fetch(archive)) == FILES


def test_wrong_hash_in_a_mirror_folder(mirror_dir, make_archive):
    (mirror_dir / "songs.tar.gz").write_bytes(make_archive(FILES))
    with pytest.raises(BadInput, match=f"songs.tar.gz is not the pinned file: expected sha256 {'0' * 64}"):
        fetch(Archive(url="https://example.org/songs.tar.gz", sha256="0" * 64), mirror_dir)


def test_offline_says_what_to_do(own_home):
    with pytest.raises(
        BadInput, match=rf"FSDL_BENCH_OFFLINE.*{SONGS.name}.tar.gz \(from https.*--mirror FOLDER"
    ):
        fetch(SONGS)
    with pytest.raises(BadInput, match="FSDL_BENCH_OFFLINE"):
        fetch(SONGS, "https://example.org/mirror")


def test_mirror_without_the_file_says_what_it_holds(mirror_dir):
    with pytest.raises(BadInput, match=f"lacks else__where-{COMMIT}.tar.gz: .* holds {SONGS.name}.tar.gz"):
        fetch(Archive("else/where", COMMIT), mirror_dir)
    with pytest.raises(BadInput, match=r"holds no \.tar\.gz file"):
        fetch(SONGS, mirror_dir / "nowhere")


@pytest.mark.parametrize(
    "wrong",
    [
        {"repo": "songs", "commit": COMMIT},
        {"repo": "a/b/c", "commit": COMMIT},
        {"repo": "a/b", "commit": "main"},
        {"repo": "a/b"},
        {"url": "https://example.org/a.zip", "sha256": "0" * 64},
        {"url": "https://example.org/a.tar.gz"},
        {"repo": "a/b", "commit": COMMIT, "sha256": "0" * 64},
    ],
)
def test_what_pins_nothing_is_refused(wrong):
    with pytest.raises(BadInput, match="commit"):
        Archive(**wrong)


def test_every_truncation_of_an_archive_is_noticed(mirror_dir, own_home):
    path = mirror_dir / f"{SONGS.name}.tar.gz"
    whole = path.read_bytes()
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        with pytest.raises(BadInput, match="expected a whole"):
            fetch(SONGS, mirror_dir)
        assert not (own_home / "sources" / SONGS.name).exists()
    path.write_bytes(whole)
    assert _contents(fetch(SONGS, mirror_dir)) == FILES


def test_every_flipped_bit_is_noticed_or_harmless(mirror_dir, own_home):
    """gzip's checksum covers the content; what it does not cover (its header) changes nothing."""
    path = mirror_dir / f"{SONGS.name}.tar.gz"
    whole = path.read_bytes()
    noticed = 0
    for position in range(0, len(whole), 3):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x10]) + whole[position + 1 :])
        try:
            folder = fetch(SONGS, mirror_dir)
        except BadInput:
            noticed += 1
            assert not (own_home / "sources" / SONGS.name).exists()
        else:
            assert _contents(folder) == FILES
            shutil.rmtree(folder.parent)
    assert noticed > len(whole) / 3 * 0.8


def test_damaged_download_is_deleted_and_fetched_again(host, make_archive, own_home):
    name = f"/{SONGS.name}.tar.gz"
    host.files[name] = b"<!DOCTYPE html><p>Please sign in to the hotel's network"
    with pytest.raises(BadInput, match=r"begins with b'<!DOCTYPE ht'.*run the command again"):
        fetch(SONGS, host.url)
    host.files[name] = make_archive(FILES)
    assert _contents(fetch(SONGS, host.url)) == FILES


def _fetch_until_killed(mirror, started):
    original = tarfile.TarFile.extract
    seen = []

    def slow(self, member, *args, **kwargs):
        original(self, member, *args, **kwargs)
        seen.append(member)
        if len(seen) == 2:
            started.set()
            time.sleep(60)

    tarfile.TarFile.extract = slow
    fetch(SONGS, mirror)


def test_kill_in_the_middle_of_unpacking_is_redone(mirror_dir, own_home):
    context = multiprocessing.get_context("fork")
    started = context.Event()
    process = context.Process(target=_fetch_until_killed, args=(mirror_dir, started))
    process.start()
    assert started.wait(30)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    sources = own_home / "sources"
    assert [path.name for path in sources.glob(".*.part")]
    assert not (sources / SONGS.name).exists()
    assert _contents(fetch(SONGS, mirror_dir)) == FILES
    assert list(sources.glob(".*.part")) == []


def test_full_disk_is_one_clear_line(mirror_dir, monkeypatch, own_home):
    def full(self, member, path, **_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), f"{path}/{member.name}")

    with monkeypatch.context() as patch:
        patch.setattr(tarfile.TarFile, "extract", full)
        with pytest.raises(BadInput, match="No space left on device") as caught:
            fetch(SONGS, mirror_dir)
    assert "\n" not in str(caught.value)
    assert not (own_home / "sources" / SONGS.name).exists()
    assert _contents(fetch(SONGS, mirror_dir)) == FILES


def test_home_that_cannot_be_written_is_one_clear_line(mirror_dir, monkeypatch, tmp_path):
    def deny(*_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/somewhere")

    monkeypatch.setattr(Path, "mkdir", deny)
    with pytest.raises(BadInput, match=r"cannot use /somewhere: Permission denied. FSDL_BENCH_HOME"):
        fetch(SONGS, mirror_dir)


def _fetch_and_say(mirror, queue):
    queue.put(sorted(_contents(fetch(SONGS, mirror, progress=False))))


def test_several_processes_at_once_share_one_copy(mirror_dir):
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    processes = [context.Process(target=_fetch_and_say, args=(mirror_dir, queue)) for _ in range(4)]
    for process in processes:
        process.start()
    answers = [queue.get(timeout=30) for _ in processes]
    for process in processes:
        process.join()
    assert answers == [sorted(FILES)] * 4


@pytest.mark.real
def test_the_real_mirror(mirror):
    archive = Archive("music-x-lab/POP909-Dataset", "d83e6edba6872a704f5d3b8b32f5cb540088dae6")
    tree = Tree(fetch(archive, mirror))
    songs = list(tree.files(".mid"))
    assert len(songs) == 909
    assert songs[0] == "POP909/001/001.mid"
    with tarfile.open(mirror / f"{archive.name}.tar.gz") as source:
        member = source.extractfile(f"POP909-Dataset-{archive.commit}/{songs[-1]}")
        assert tree.read(songs[-1]) == member.read()
