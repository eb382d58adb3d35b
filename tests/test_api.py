"""The flat public API: what it names, and that naming costs nothing."""

import ast
import importlib
import pkgutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import fsdl_bench

STUB = Path(fsdl_bench.__file__).with_suffix(".pyi")


def defining_modules() -> dict[str, str]:
    """Name -> the module that the stub takes it from."""
    found = {}
    for statement in ast.parse(STUB.read_text()).body:
        if isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                assert alias.name == alias.asname, "an explicit re-export"
                found[alias.name] = f"fsdl_bench.{statement.module}"
    return found


def test_the_public_names_are_those_of_the_stub():
    assert sorted(defining_modules()) == sorted(fsdl_bench.__all__)


@pytest.mark.parametrize(("name", "module"), defining_modules().items())
def test_every_name_can_be_imported(name, module):
    assert getattr(fsdl_bench, name) is getattr(importlib.import_module(module), name)
    assert name in dir(fsdl_bench)


def test_no_name_is_hidden_by_a_module():
    modules = {module.name for module in pkgutil.iter_modules(fsdl_bench.__path__)}
    assert not modules & set(fsdl_bench.__all__)


def test_the_version_is_that_of_the_project():
    project = tomllib.loads((STUB.parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    assert fsdl_bench.__version__ == project["version"], "install the package again: pip install -e ."


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="No fsdl_bench attribute load_trak"):
        fsdl_bench.load_trak  # noqa: B018


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        ("import fsdl_bench", ["numpy", "pyarrow", "pydantic"]),
        ("import fsdl_bench.cli", ["numpy", "pyarrow", "pydantic", "rich", "tqdm"]),
        (
            "from fsdl_bench import load_track",
            ["torch", "pandas", "scipy", "matplotlib", "tokenizers", "symusic"],
        ),
    ],
)
def test_imports_stay_light(code, unwanted):
    script = f"import sys\n{code}\nprint([name for name in {unwanted} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "[]"
