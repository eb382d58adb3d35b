"""The structure of the code: short files, no import cycle, no package that knows what comes after it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import fsdl_bench

ROOT = Path(fsdl_bench.__file__).parents[1]
CODE = ("fsdl_bench", "baselines", "benchmarks", "docs", "tests")
LONGEST = 300  # lines of a file


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in (ROOT / "fsdl_bench").rglob("*.py")}


def imports_in(source: bytes | str) -> set[str]:
    """Return the modules of the package that a file imports anywhere, those for type checkers included."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for imported in names:
            while imported and imported not in MODULES:
                imported = imported.rpartition(".")[0]
            found |= {imported} - {"", "fsdl_bench"}
    return found


GRAPH = {name: imports_in(path.read_bytes()) for name, path in MODULES.items() if name != "fsdl_bench"}


def cycles(graph: dict[str, set[str]]) -> list[str]:
    """Every import cycle, as "a -> b -> a": one for each module from which it can be entered first."""
    found, finished = [], set()

    def visit(name: str, trail: list[str]) -> None:
        if name in trail:
            found.append(" -> ".join([*trail[trail.index(name) :], name]))
        elif name not in finished:
            for imported in sorted(graph.get(name, ())):
                visit(imported, [*trail, name])
            finished.add(name)

    for name in sorted(graph):
        visit(name, [])
    return found


def test_there_is_no_import_cycle():
    assert cycles(GRAPH) == []


def test_a_cycle_is_found_and_named():
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"d"}, "d": {"b"}}) == ["b -> c -> d -> b"]
    assert cycles({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set()}) == []
    assert cycles({"a": {"b"}, "b": {"a"}}) == ["a -> b -> a"]


def test_imports_for_type_checkers_count():
    tree = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from fsdl_bench.songs import Song\n"
    assert imports_in(tree) == {"fsdl_bench.songs"}
    assert imports_in("def f():\n    import fsdl_bench.songs") == {"fsdl_bench.songs"}
    assert imports_in("from fsdl_bench import songs") == {"fsdl_bench.songs"}


def test_no_file_is_longer_than_a_reader_can_hold_in_mind():
    files = [path for folder in CODE for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 250
    lengths = {path.relative_to(ROOT).as_posix(): path.read_bytes().count(b"\n") for path in files}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST} == {}


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        ("from fsdl_bench.tracks import track, check", ("builder", "sources", "submissions", "evaluation")),
        ("from fsdl_bench.submissions import setup, session", ("evaluation", "generation", "results")),
        ("from fsdl_bench import comparison, results, statistics", ("submissions", "evaluation", "torch")),
    ],
)
def test_importing_one_part_does_not_load_another(code, unwanted):
    script = f"import sys\n{code}\nprint(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", script], text=True).split()
    parts = {name.split(".")[1] if name.startswith("fsdl_bench.") else name.split(".")[0] for name in loaded}
    assert parts & set(unwanted) == set()


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
