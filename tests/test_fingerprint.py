from pathlib import Path

import pytest

import fsdl_bench
from fsdl_bench import fingerprint


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return folder


def test_a_key_depends_on_every_part_and_not_on_the_order_of_a_mapping():
    assert fingerprint.key("a", {"x": 1, "y": 2}) == fingerprint.key("a", {"y": 2, "x": 1})
    assert (
        len({fingerprint.key(*parts) for parts in [("a", 1), ("a", 2), ("a1",), ("a", "1"), (["a", 1],)]})
        == 5
    )


def test_the_content_of_a_folder_is_its_names_and_bytes(tmp_path):
    folder = write(tmp_path / "a", {"w.txt": "1", "deep/v.txt": "2"})
    same = write(tmp_path / "b", {"w.txt": "1", "deep/v.txt": "2"})
    before = fingerprint.content(folder)
    assert before == fingerprint.content(same)
    (same / "w.txt").rename(same / "x.txt")
    assert before != fingerprint.content(same)
    (folder / "deep" / "v.txt").write_text("3")
    assert before != fingerprint.content(folder)
    with pytest.raises(OSError, match="missing"):
        fingerprint.content(tmp_path / "missing")


@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        ("model.py", True),
        ("helper.py", True),
        ("inner/deep.py", True),
        ("late.py", True),
        ("other.py", False),
    ],
)
def test_code_follows_imports_inside_the_folder(tmp_path, changed, counts):
    files = {
        "model.py": "import helper\ndef f():\n    from late import g\n",
        "helper.py": "from inner import deep\n",
        "inner/__init__.py": "",
        "inner/deep.py": "from .. import missing\n",
        "late.py": "g = 1\n",
        "other.py": "x = 1\n",
    }
    folder = write(tmp_path / "models", files)
    before = fingerprint.code(folder / "model.py", folder)
    (folder / changed).write_text(files[changed] + "# changed\n")
    assert (before != fingerprint.code(folder / "model.py", folder)) is counts


def test_modules_of_the_package_count_with_what_they_import():
    root = Path(fsdl_bench.__file__).parent
    found = fingerprint.source_files([root / "comparison.py"], root.parent, "fsdl_bench")
    names = {path.relative_to(root).as_posix() for path in found}
    assert {"comparison.py", "statistics.py", "results/aggregates.py", "errors.py"} <= names
    assert not {name for name in names if name.startswith(("site/", "cli/", "submissions/"))}
    assert fingerprint.modules("fsdl_bench.comparison") != fingerprint.modules("fsdl_bench.statistics")
    assert fingerprint.modules("fsdl_bench.results") == fingerprint.modules("fsdl_bench.results")


def test_the_content_of_a_folder_follows_links_and_leaves_bytecode_out(tmp_path):
    folder, elsewhere = tmp_path / "folder", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (elsewhere / "w.txt").write_text("1")
    (folder / "linked").symlink_to(elsewhere)
    (folder / "loop").symlink_to(folder)
    before = fingerprint.content(folder)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert fingerprint.content(folder) == before
    (elsewhere / "w.txt").write_text("2")
    assert fingerprint.content(folder) != before
