"""Folders as people have them: links in circles, pipes, names that are not text; and pins."""

import errno
import os
import stat
import tempfile
from hashlib import blake2b
from pathlib import Path

import pytest

from fsdl_bench.errors import BadInput, Rejected
from fsdl_bench.sources.common import tree as module
from fsdl_bench.sources.common.text import printable
from fsdl_bench.sources.common.tree import Tree, load_pins, write_pins


def test_lists_sorted_with_endings_in_any_case(make_tree):
    tree = make_tree({"b/x.MID": b"", "a.mid": b"", "b/y.midi": b"", "b/c/d/z.Mid": b"", "notes.txt": b""})
    assert list(tree.files(".mid", ".midi")) == ["a.mid", "b/c/d/z.Mid", "b/x.MID", "b/y.midi"]
    assert len(list(tree.files())) == 5
    assert tree.problems == []


def test_order_does_not_depend_on_the_file_system(make_tree, monkeypatch):
    tree = make_tree({f"{folder}/{name}.mid": b"" for folder in "cab" for name in "zxy"})
    first = list(tree.files())
    scandir = os.scandir

    class Backwards(list):
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(module.os, "scandir", lambda path: Backwards(reversed(list(scandir(path)))))
    assert list(tree.files()) == first == sorted(first)


def test_links_in_circles_end_and_are_told(make_tree):
    tree = make_tree({"artist/song.mid": b"x"})
    (tree.root / "artist" / "up").symlink_to("..")
    (tree.root / "artist" / "here").symlink_to(".")
    (tree.root / "self").symlink_to("self")
    (tree.root / "0-alias").symlink_to("artist")
    assert list(tree.files(".mid")) == ["artist/song.mid"]
    assert sorted(tree.problems) == [
        ("0-alias", "link to a folder that is listed already", ""),
        ("artist/here", "link to a folder that is listed already", ""),
        ("artist/up", "link to a folder that is listed already", ""),
        ("self", "broken link", os.strerror(errno.ELOOP)),
    ]


def test_links_to_files_and_to_other_disks_are_followed(make_tree, tmp_path):
    outside = tmp_path / "disk" / "Other Artist"
    outside.mkdir(parents=True)
    (outside / "song.mid").write_bytes(b"far")
    tree = make_tree({"a/one.mid": b"near"})
    (tree.root / "b").symlink_to(outside)
    (tree.root / "a" / "two.mid").symlink_to(outside / "song.mid")
    assert [(path, tree.read(path)) for path in tree.files(".mid")] == [
        ("a/one.mid", b"near"),
        ("a/two.mid", b"far"),
        ("b/song.mid", b"far"),
    ]


def test_diamonds_of_links_are_not_walked_exponentially(make_tree):
    files = {f"level{depth}/x.mid": b"" for depth in range(30)}
    tree = make_tree(files)
    for depth in range(29):
        for name in ("left", "right"):
            (tree.root / f"level{depth}" / name).symlink_to(f"../level{depth + 1}")
    assert len(list(tree.files())) == 30


def test_pipes_sockets_and_broken_links_are_never_opened(make_tree):
    tree = make_tree({"good.mid": b"x"})
    os.mkfifo(tree.root / "pipe.mid")
    (tree.root / "gone.mid").symlink_to("nowhere\udcff")
    (tree.root / "null.mid").symlink_to("/dev/null")
    (tree.root / "gone.jpg").symlink_to("nowhere")
    assert list(tree.files(".mid")) == ["good.mid"]
    assert sorted(tree.problems) == [
        ("gone.mid", "broken link", "nowhere\\xff"),
        ("null.mid", "not a regular file", "device"),
        ("pipe.mid", "not a regular file", "pipe"),
    ]
    with pytest.raises(Rejected, match="not a regular file: pipe"):
        tree.read("pipe.mid")


def test_names_that_are_not_text(make_tree):
    names = [b"caf\xe9/\xff\xfe.mid", "🎵/ש\u200f.mid".encode(), b"new\nline/a.mid", "∕/AC⁄DC.mid".encode()]
    tree = make_tree({name: str(number) for number, name in enumerate(names)})
    found = {printable(path): tree.read(path) for path in tree.files(".mid")}
    assert found == {
        "caf\\xe9/\\xff\\xfe.mid": b"0",
        "🎵/ש\\u200f.mid": b"1",
        "new\\u000aline/a.mid": b"2",
        "∕/AC⁄DC.mid": b"3",
    }


def test_folder_that_may_not_be_read(make_tree, monkeypatch):
    tree = make_tree({"open/a.mid": b"", "shut/b.mid": b""})
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "shut":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return scandir(path)

    monkeypatch.setattr(module.os, "scandir", refuse)
    assert list(tree.files(".mid")) == ["open/a.mid"]
    assert tree.problems == [("shut", "unreadable folder", "Permission denied")]


def test_file_that_may_not_be_read(make_tree, monkeypatch):
    tree = make_tree({"a.mid": b"x"})

    def refuse(self, *args, **kwargs):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(Rejected) as caught:
        tree.read("a.mid")
    assert (caught.value.reason, caught.value.detail) == ("unreadable file", "Permission denied")


def test_real_lack_of_permission():
    """Root may read everything, so a test run by root steps down to nobody for this one."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        (root / "shut").mkdir(mode=0)
        (root / "a.mid").write_bytes(b"x")
        (root / "a.mid").chmod(0)
        before = os.geteuid()
        if before == 0:
            os.seteuid(65534)
        try:
            tree = Tree(root)
            assert list(tree.files(".mid")) == ["a.mid"]
            assert tree.problems == [("shut", "unreadable folder", "Permission denied")]
            with pytest.raises(Rejected, match="unreadable file: Permission denied"):
                tree.read("a.mid")
        finally:
            os.seteuid(before)
            (root / "shut").chmod(stat.S_IRWXU)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_trouble_of_the_machine_rejects_no_song(make_tree, monkeypatch, number):
    tree = make_tree({"a.mid": b"x"})

    def fail(self, *args, **kwargs):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(OSError, match=r"Too many open|Cannot allocate"):
        tree.read("a.mid")


@pytest.mark.parametrize("path", ["../secret", "a/../../secret", "/etc/passwd", "a\0b"])
def test_paths_from_tables_cannot_leave_the_folder(make_tree, tmp_path, path):
    (tmp_path / "secret").write_bytes(b"no")
    with pytest.raises(Rejected, match="leads outside"):
        make_tree({"a/x": b""}).read(path)


def test_missing_and_oversized_files_are_rejected(make_tree):
    tree = make_tree({"a.mid": b"12345", "folder/x": b""})
    with pytest.raises(Rejected, match="unreadable file: No such file"):
        tree.read("b.mid")
    with pytest.raises(Rejected, match="not a regular file: folder"):
        tree.read("folder")
    with pytest.raises(Rejected, match="file too large: 5 bytes, at most 4"):
        tree.read("a.mid", limit=4)
    assert tree.part("a.mid", 1, 3) == b"234"
    assert tree.head("a.mid", 2) == b"12"


def test_root_must_be_a_folder(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BadInput, match="found nothing"):
        Tree(tmp_path / "nowhere")
    with pytest.raises(BadInput, match="found a file; give its folder"):
        Tree(tmp_path / "file")


class TestPins:
    @pytest.fixture
    def pinned(self, make_tree, tmp_path):
        tree = make_tree({"a.mid": b"one", "b/ć.mid": b"two", "extra.mid": b"three"})
        pins = tmp_path / "pins" / "some.parquet"
        write_pins(tree, ["b/ć.mid", "a.mid"], pins)
        return Tree(tree.root, load_pins(pins))

    def test_only_pinned_files_exist(self, pinned):
        assert pinned.pins == {"a.mid": _blake(b"one"), "b/ć.mid": _blake(b"two")}
        assert list(pinned.files(".mid")) == ["a.mid", "b/ć.mid"]
        assert pinned.read("b/ć.mid") == b"two"
        with pytest.raises(BadInput, match=r"extra\.mid is not among the pinned files"):
            pinned.read("extra.mid")

    def test_changed_file_is_named_with_what_was_expected_and_found(self, pinned):
        (pinned.root / "a.mid").write_bytes(b"0ne")
        with pytest.raises(
            BadInput, match=f"a.mid is not .*expected.*{_blake(b'one').hex()}, found {_blake(b'0ne').hex()}"
        ):
            pinned.read("a.mid")

    def test_missing_files_are_named(self, pinned):
        (pinned.root / "b" / "ć.mid").unlink()
        with pytest.raises(
            BadInput,
            match=r"lacks 1 of the files.*: b/ć\.mid\. A folder under FSDL_BENCH_HOME may be deleted",
        ):
            pinned.files(".mid")
        assert list(pinned.files(".txt")) == []

    def test_many_missing_files_are_counted(self, make_tree):
        tree = make_tree({"x": b""})
        with pytest.raises(BadInput, match=r"lacks 5 of .*: 0.mid, 1.mid, 2.mid and 2 more"):
            Tree(tree.root, {f"{number}.mid": bytes(8) for number in range(5)}).files()

    def test_the_same_pins_are_the_same_bytes(self, pinned, tmp_path):
        write_pins(Tree(pinned.root), ["a.mid", "b/ć.mid"], tmp_path / "again.parquet")
        assert (tmp_path / "again.parquet").read_bytes() == (tmp_path / "pins/some.parquet").read_bytes()


def _blake(data: bytes) -> bytes:
    return blake2b(data, digest_size=8).digest()
