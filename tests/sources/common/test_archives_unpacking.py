"""Unpacking archives that hold links, devices and names that lead outside."""

import tarfile
from pathlib import Path

import pytest

from fsdl_bench.errors import BadInput
from fsdl_bench.sources.common.archives import Archive, fetch
from fsdl_bench.sources.common.tree import Tree

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SONGS = Archive("someone/songs", COMMIT)
FILES = {"a.txt": b"one", "deep/er/b.txt": b"two"}


def _contents(folder: Path) -> dict[str, bytes]:
    tree = Tree(folder)
    return {path: tree.read(path) for path in tree.files()}


def _entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.fixture
def mirror_dir(tmp_path):
    folder = tmp_path / "mirror"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    "evil",
    [
        [_entry("../evil.txt")],
        [_entry(f"songs-{COMMIT}/../../../evil.txt")],
        [_entry(f"songs-{COMMIT}/deep/../../../../evil.txt")],
    ],
)
def test_path_traversal_is_refused(mirror_dir, make_archive, own_home, evil):
    (mirror_dir / f"{SONGS.name}.tar.gz").write_bytes(make_archive(FILES, extra=evil))
    with pytest.raises(BadInput, match="not safe to unpack"):
        fetch(SONGS, mirror_dir)
    assert list(own_home.parent.rglob("evil.txt")) == []
    assert not (own_home / "sources" / SONGS.name).exists()


def test_links_and_devices_stay_out(mirror_dir, make_archive, tmp_path):
    (tmp_path / "outside").mkdir()
    extra = [
        _entry(f"songs-{COMMIT}/absolute", tarfile.SYMTYPE, str(tmp_path / "outside")),
        _entry(f"songs-{COMMIT}/absolute/evil.txt"),
        _entry(f"songs-{COMMIT}/up", tarfile.SYMTYPE, "../../.."),
        _entry(f"songs-{COMMIT}/hard", tarfile.LNKTYPE, f"songs-{COMMIT}/a.txt"),
        _entry(f"songs-{COMMIT}/pipe", tarfile.FIFOTYPE),
    ]
    (mirror_dir / f"{SONGS.name}.tar.gz").write_bytes(make_archive(FILES, extra=extra))
    assert _contents(fetch(SONGS, mirror_dir)) == {**FILES, "absolute/evil.txt": b""}
    assert list((tmp_path / "outside").iterdir()) == []


def test_absolute_names_land_inside(mirror_dir, make_archive, own_home):
    evil = f"{own_home.parent}/evil.txt"
    (mirror_dir / f"{SONGS.name}.tar.gz").write_bytes(make_archive(FILES, extra=[_entry(evil)]))
    folder = fetch(SONGS, mirror_dir)
    assert not Path(evil).exists()
    assert (folder / evil.lstrip("/")).exists()


def test_empty_archive_is_refused(mirror_dir, make_archive):
    (mirror_dir / f"{SONGS.name}.tar.gz").write_bytes(make_archive({}))
    with pytest.raises(BadInput, match="holds no files"):
        fetch(SONGS, mirror_dir)
