"""Every reference model could have been written outside this repository."""

import ast
from pathlib import Path

import pytest

import fsdl_bench

FILES = sorted((Path(__file__).parents[2] / "baselines").rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_only_public_names_are_imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            inner = [alias.name for alias in node.names if alias.name.startswith("fsdl_bench.")]
            assert not inner, f"{path.name} imports {inner}"
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "fsdl_bench":
            assert node.module == "fsdl_bench", f"{path.name} imports from {node.module}"
            unknown = {alias.name for alias in node.names} - set(fsdl_bench.__all__)
            assert not unknown, f"{path.name} imports {unknown}, which is not public"


def test_there_are_models():
    assert {"uniform.py", "ngram_cache.py"} <= {path.name for path in FILES}
