"""The flat public API: what it names, and that naming costs nothing."""

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import fsdl_bench

SOURCE = Path(fsdl_bench.__file__).read_text()


def imports_for_type_checkers() -> dict[str, str]:
    (block,) = (node for node in ast.parse(SOURCE).body if isinstance(node, ast.If))
    found = {}
    for statement in block.body:
        assert isinstance(statement, ast.ImportFrom)
        for alias in statement.names:
            assert alias.name == alias.asname, "an explicit re-export"
            found[alias.asname] = statement.module.removeprefix("fsdl_bench.")
    return found


def test_type_checkers_see_what_there_is():
    assert imports_for_type_checkers() == fsdl_bench._MODULE_OF


@pytest.mark.parametrize("name", fsdl_bench.__all__)
def test_every_name_can_be_imported(name):
    value = getattr(fsdl_bench, name)
    module = importlib.import_module(f"fsdl_bench.{fsdl_bench._MODULE_OF[name]}")
    assert value is getattr(module, name)
    assert name in dir(fsdl_bench)


def test_no_name_is_hidden_by_a_module():
    modules = {module.name for module in pkgutil.iter_modules(fsdl_bench.__path__)}
    assert not modules & set(fsdl_bench.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'fsdl_bench' has no attribute 'load_trak'"):
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
