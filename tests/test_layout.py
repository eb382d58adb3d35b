"""The structure of the package: no import cycles, and packages that do not know what comes after them."""

import ast
from pathlib import Path

import pytest

import fsdl_bench

ROOT = Path(fsdl_bench.__file__).parents[1]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in (ROOT / "fsdl_bench").rglob("*.py")}


def imports_of(name: str) -> set[str]:
    """The modules of the package that a module imports anywhere, for type checkers too."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[name].read_bytes())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for imported in names:
            while imported and imported not in MODULES:
                imported = imported.rpartition(".")[0]
            found |= {imported} - {"", "fsdl_bench", name}
    return found


GRAPH = {name: imports_of(name) for name in MODULES if name != "fsdl_bench"}


def reached(start: set[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += GRAPH.get(name, set())
    return found


def test_no_module_imports_itself_through_others():
    assert [name for name in GRAPH if name in reached(GRAPH[name])] == []


@pytest.mark.parametrize(
    ("package", "unknown"),
    [
        ("tracks", ("builder", "submissions", "evaluation", "site", "cli")),
        ("sources", ("builder", "tracks", "submissions", "evaluation")),
        ("submissions", ("evaluation", "results", "generation", "site", "cli")),
        ("results", ("submissions", "evaluation", "generation", "site", "builder")),
        ("statistics", ("submissions", "evaluation", "results", "site")),
        ("comparison", ("submissions", "evaluation", "generation", "site", "builder")),
        ("builder", ("submissions", "evaluation", "results", "site", "cli")),
        ("evaluation", ("site", "cli", "generation")),
    ],
)
def test_packages_know_only_what_comes_before_them(package, unknown):
    own = {name for name in GRAPH if name.split(".")[1] == package}
    assert own
    wrong = {(name, found) for name in own for found in GRAPH[name] if found.split(".")[1] in unknown}
    assert wrong == set()
