"""Finding a submission, its arguments and its digest."""

import os
import sys
from pathlib import Path
from typing import Literal

import pytest

from fsdl_bench.errors import BadInput
from fsdl_bench.submissions.arguments import as_settings
from fsdl_bench.submissions.loading import from_object, load_submission

MODEL = """
class Model:
    def __init__(self, width: int = 3, rate: float = 0.5, tied: bool = False, sizes: tuple[int, ...] = (),
                 name: str = "x", anything=None):
        self.given = dict(width=width, rate=rate, tied=tied, sizes=sizes, name=name, anything=anything)
    def adapt(self, support):
        return self
"""


def test_the_only_class_of_a_file(model):
    loaded = load_submission(model(MODEL + "class _Private:\n    adapt = 1\nclass Helper:\n    pass\n"))
    assert type(loaded.construct()).__name__ == "Model"
    assert loaded.spec.endswith("model.py:Model")
    assert len(loaded.sha256) == 64


@pytest.mark.parametrize(
    ("given", "settings"),
    [
        ("width=5", ("width=5",)),
        (["width=5", "tied=1"], ("width=5", "tied=1")),
        (
            {"width": 5, "tied": True, "sizes": (1, 2), "name": "a,b"},
            ("width=5", "tied=True", "sizes=1,2", "name=a,b"),
        ),
    ],
)
def test_settings_from_one_from_several_and_from_a_mapping(given, settings, model):
    assert as_settings(given) == settings
    loaded = load_submission(model(MODEL), settings)
    if isinstance(given, dict):
        assert {name: loaded.construct().given[name] for name in given} == given


def test_a_reference_model_by_its_name():
    loaded = load_submission("fsdl_bench:unigram")
    assert (loaded.name, loaded.file.name) == ("Unigram", "unigram.py")
    with pytest.raises(BadInput, match="has no class nothing"):
        load_submission("fsdl_bench:nothing")


@pytest.mark.parametrize("changed", ["same_second_helper.py", "model.py"])
def test_a_change_in_the_same_second_to_the_same_size(model, monkeypatch, changed):
    """Python's own check of bytecode does not see it."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    helper = Path(model("weight = 1.0\n", "same_second_helper.py"))
    path = model("from same_second_helper import weight\n" + MODEL + "    weight = 1.0 * weight\n")
    file = helper.with_name(changed)
    os.utime(file, ns=(10**18, 10**18))
    assert load_submission(path).construct().weight == 1
    file.write_text(file.read_text().replace("= 1.0", "= 2.0"))
    os.utime(file, ns=(10**18 + 1, 10**18 + 1))
    assert load_submission(path).construct().weight == 2


def test_a_class_by_name(model):
    path = model(MODEL + "class Other(Model):\n    pass\n")
    assert type(load_submission(f"{path}:Other").construct()).__name__ == "Other"
    with pytest.raises(BadInput, match=r"defines several submissions: Model, Other; name one: .*:Model"):
        load_submission(path)


def test_a_function_that_makes_one(model):
    path = model(MODEL + "def small(width: int = 1):\n    return Model(width)\n")
    assert load_submission(f"{path}:small", ["width=7"]).construct().given["width"] == 7


@pytest.mark.parametrize("text", ["one,two", "one, two", "('one', 'two')", '["one", "two"]'])
def test_a_sequence_of_words(model, text):
    path = model(MODEL + "def some(parts: tuple[str, ...]):\n    return Model(anything=parts)\n")
    assert load_submission(f"{path}:some", [f"parts={text}"]).construct().given["anything"] == ("one", "two")


def test_a_module(model, monkeypatch):
    folder = Path(model(MODEL, "inside.py")).parent
    package = folder / "somewhere"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "models.py").write_text(MODEL)
    monkeypatch.syspath_prepend(str(folder))
    loaded = load_submission("somewhere.models:Model", ["width=4"])
    assert loaded.construct().given["width"] == 4
    assert loaded.spec == "somewhere.models:Model"
    assert loaded.file == package / "models.py"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "nowhere.py",
            "nowhere.py: no such file; expected path.py, path.py:ClassName, package.module:Class",
        ),
        ("nowhere", "'nowhere': expected path.py"),
        ("no.such.module:Model", "there is no module no"),
        ("json.nothing:Model", "there is no module json.nothing"),
        ("sys:Model", "sys is not a Python file"),
        ("json:Model", "has no class Model; it has"),
    ],
)
def test_what_is_not_there(spec, message):
    with pytest.raises(BadInput, match=message):
        load_submission(spec)


def test_a_file_without_a_submission(model):
    with pytest.raises(BadInput, match=r"expected a class with a method `adapt.*found Thing"):
        load_submission(model("class Thing:\n    pass\n"))


def test_an_error_of_the_submissions_own_comes_through(model):
    with pytest.raises(ZeroDivisionError):
        load_submission(model("1 / 0\n"))
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        load_submission(model("import no_such_library\n"))


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("width=12", 12),
        ("rate=1e-3", 1e-3),
        ("tied=true", True),
        ("tied=0", False),
        ("sizes=(1, 2)", (1, 2)),
        ("sizes=[3]", (3,)),
        ("name=12", "12"),
        ("name=a=b", "a=b"),
        ("anything=12", 12),
        ("anything=[1, 'x']", [1, "x"]),
        ("anything=two words", "two words"),
    ],
)
def test_arguments_take_the_annotated_type(model, setting, expected):
    found = load_submission(model(MODEL), [setting]).construct().given[setting.partition("=")[0]]
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("width=wide", "--set width=wide: expected a whole number, found 'wide'"),
        ("width=1.5", "expected a whole number, found '1.5'"),
        ("wdith=3", "unknown argument wdith; accepted: width, rate, tied, sizes, name, anything"),
        ("width", "expected key=value"),
    ],
)
def test_arguments_that_do_not_fit(model, setting, message):
    with pytest.raises(BadInput, match=message):
        load_submission(model(MODEL), [setting])


def test_richer_annotations(model):
    path = model(
        """
        from pathlib import Path
        from typing import Literal
        class Model:
            def __init__(self, mode: Literal["a", "b"], file: Path | None = None):
                self.given = mode, file
            def adapt(self, support):
                return self
        """
    )
    assert load_submission(path, ["mode=b", "file=x.pt"]).construct().given == ("b", Path("x.pt"))
    assert Literal["a", "b"]
    with pytest.raises(BadInput, match="--set mode=c: expected"):
        load_submission(path, ["mode=c"])
    with pytest.raises(BadInput, match="the submission's constructor needs mode: pass --set mode=VALUE"):
        load_submission(path)


def test_neighbours_can_be_imported_and_count_in_the_digest(model):
    model("WIDTH = 1\n", "helper.py")
    model("WIDTH = 1\n", "stranger.py")
    path = model("from helper import WIDTH\n" + MODEL)
    before = load_submission(path).digest
    assert load_submission(path).digest == before
    model("WIDTH = 3\n", "stranger.py")
    assert load_submission(path).digest == before
    model("WIDTH = 2\n", "helper.py")
    assert load_submission(path).digest != before


def test_the_digest_follows_imports_of_imports_and_inside_functions(model):
    folder = Path(model("", "helpers/deep.py") if False else model("x = 1\n", "deep.py")).parent
    package = folder / "tools"
    package.mkdir(exist_ok=True)
    (package / "__init__.py").write_text("")
    (package / "inner.py").write_text("from . import leaf\n")
    (package / "leaf.py").write_text("x = 1\n")
    path = model("def later():\n    import tools.inner, deep\n" + MODEL)
    before = load_submission(path).digest
    (package / "leaf.py").write_text("x = 2\n")
    middle = load_submission(path).digest
    model("x = 2\n", "deep.py")
    assert len({before, middle, load_submission(path).digest}) == 3


def test_the_digest_does_not_depend_on_the_folder(model, tmp_path):
    path = model(MODEL)
    other = tmp_path / "elsewhere" / "model.py"
    other.parent.mkdir()
    other.write_bytes(Path(path).read_bytes())
    one, two = load_submission(path), load_submission(str(other))
    assert one.digest == two.digest
    assert type(one.construct()).__module__ == type(two.construct()).__module__


@pytest.mark.parametrize("file", ["common_parts.py", "common_parts/__init__.py"])
def test_a_neighbour_of_the_same_name_in_another_folder_is_not_mixed_up(tmp_path, file):
    for folder, name in ((tmp_path / "first", "one"), (tmp_path / "second", "two")):
        (folder / file).parent.mkdir(parents=True)
        (folder / file).write_text(f"NAME = {name!r}\n")
        (folder / "model.py").write_text("from common_parts import NAME\n" + MODEL + "    name = NAME\n")
        assert load_submission(str(folder / "model.py")).construct().name == name
    assert load_submission(str(tmp_path / "first" / "model.py")).construct().name == "one"
    sys.modules.pop("common_parts")


def test_an_object_is_copied(model):
    class Here:
        def adapt(self, support):
            return self

    here = Here()
    loaded = from_object(here)
    here.changed = True
    assert not hasattr(loaded.construct(), "changed")
    assert loaded.construct() is not loaded.construct()
    assert loaded.file == Path(__file__)
    assert from_object(here).digest != loaded.digest
