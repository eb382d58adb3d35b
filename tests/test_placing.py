"""What an earlier call has not written is never replaced."""

import pytest

from fsdl_bench.errors import BadInput
from fsdl_bench.placing import refuse_other_file, refuse_other_files, refuse_overlap


def own(path):
    return path in {"mine.json", "sub/mine.txt"}


def test_new_empty_and_own_folders_are_accepted(tmp_path):
    refuse_other_files(tmp_path / "new", "a new folder", own)
    refuse_other_files(tmp_path, "a new folder", own)
    (tmp_path / "sub").mkdir()
    for name in ("mine.json", "sub/mine.txt", ".DS_Store"):
        (tmp_path / name).write_text("x")
    refuse_other_files(tmp_path, "a new folder", own)


def test_other_files_are_named(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("mine.json", "sub/a", "sub/b", "sub/c", "sub/d"):
        (tmp_path / name).write_text("x")
    with pytest.raises(BadInput, match=r"expected a new folder, found sub/., sub/., sub/. and more in it"):
        refuse_other_files(tmp_path, "a new folder", own)
    with pytest.raises(BadInput, match="found a file"):
        refuse_other_files(tmp_path / "mine.json", "a new folder", own)


def test_links_are_other_files(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadInput, match="found link in it"):
        refuse_other_files(tmp_path / "out", "a new folder", own)


def test_files_are_known_by_their_mark(tmp_path):
    path = tmp_path / "file"
    refuse_other_file(path, "a new file", b"mark")
    for content in (b"", b"{mark: 1}"):
        path.write_bytes(content)
        refuse_other_file(path, "a new file", b"mark")
    path.write_bytes(b"a thesis")
    with pytest.raises(BadInput, match="expected a new file, found another one"):
        refuse_other_file(path, "a new file", b"mark")
    with pytest.raises(BadInput, match="found a folder"):
        refuse_other_file(tmp_path, "a new file", b"mark")


@pytest.mark.parametrize(
    ("out", "how"), [("a/b", "is"), ("a/link", "is"), ("a", "contains"), ("a/b/c/d", "is inside")]
)
def test_overlaps_are_refused_through_links_too(tmp_path, out, how):
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    (tmp_path / "a" / "link").symlink_to("b")
    with pytest.raises(BadInput, match=f"it {how} the source"):
        refuse_overlap(tmp_path / out, tmp_path / "a" / "b")
    refuse_overlap(tmp_path / "a" / "bc", tmp_path / "a" / "b")
