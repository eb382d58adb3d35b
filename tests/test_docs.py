"""README and docs are executable: code runs, commands and files exist, the site builds without a warning."""

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from fsdl_bench.cli import main
from fsdl_bench.tracks.definition import definition_names, load_definition

ROOT = Path(__file__).parents[1]

# Page -> files that it names as an example. All other files that it names must exist.
EXAMPLES = {
    "docs/code.md": set(),
    "CONTRIBUTING.md": {"fsdl_bench/sources/jsonl.py", "tests/sources/test_jsonl.py"},
}


def _blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / page).read_text("utf-8"), re.M | re.S)


def _fsdl_bench(*words):
    result = CliRunner().invoke(main, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_model_in_thirty_lines_runs_as_it_stands(tmp_path, monkeypatch):
    (source,) = _blocks("docs/your-model.md", "python")
    assert _blocks("README.md", "python") == [source]
    assert len([line for line in source.splitlines() if line.strip()]) <= 30
    monkeypatch.chdir(tmp_path)
    Path("my_model.py").write_text(source)
    _fsdl_bench("build", "lyrics-synthetic", "--workers", "0")
    (command,) = _blocks("docs/your-model.md", "sh")
    words = command.split()
    assert words[0] == "fsdl-bench"
    printed = _fsdl_bench(*words[1:], "--limit", "2", "--shots", "0,5")
    assert "Bigram on lyrics-synthetic" in printed
    assert "SMOKE RUN" in printed


def test_the_walk_through_the_code_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("baselines").symlink_to(ROOT / "baselines")
    namespace = {}
    blocks = _blocks("docs/code.md", "python")
    assert len(blocks) >= 9
    for block in blocks:
        exec(block, namespace)


def test_the_quick_start_in_python_runs():
    _fsdl_bench("build", "midi-synthetic", "--workers", "0")
    (block,) = _blocks("docs/quickstart.md", "python")
    exec(block, {})


@pytest.mark.parametrize("page", EXAMPLES)
def test_files_that_are_named_exist(page):
    """Every `path` in backticks is a file or folder of the repository, of the package or of a part of it."""
    text = re.sub(r"^```.*?^```$", "", (ROOT / page).read_text("utf-8"), flags=re.M | re.S)
    named = re.findall(r"`([\w.-]+(?:/[\w.-]+)*(?:/|\.(?:py|toml|md|txt|yml|yaml)))`", text)
    named = {name for name in named if "NAME" not in name}  # a pattern
    assert len(named) > 20
    roots = [ROOT, ROOT / "fsdl_bench"]
    parts = [path for path in (ROOT / "fsdl_bench").iterdir() if path.is_dir()]
    missing = {
        name
        for name in named
        if not any((root / name).exists() for root in (roots if "/" in name else [*roots, *parts]))
    }
    assert missing == EXAMPLES[page]


def test_the_version_is_the_same_everywhere():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    cited = re.findall(r"^ *version: (.+)$", (ROOT / "CITATION.cff").read_text("utf-8"), re.M)
    assert cited == [version, version]
    assert re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)[0] == version


def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("sphinx")
    pytest.importorskip("furo")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", str(ROOT / "docs"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    reference = (tmp_path / "api.html").read_text("utf-8")
    assert reference.count('<span class="pre">property</span>') > 20
    assert ">Type<span" not in reference, "a colon in the docstring of a property is no type"


@pytest.mark.parametrize(
    "page", ["README.md", *sorted(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_commands_that_are_shown_exist(page):
    """Every `fsdl-bench` command, and every option of it, is one that the command line has."""
    for block in _blocks(page, "sh"):
        for line in block.splitlines():
            words = line.split("#")[0].split()
            if words[:1] == ["make"]:
                targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M))
                assert set(words[1:]) <= targets
            if words[:1] != ["fsdl-bench"]:
                continue
            known = main.commands[words[1]]
            options = {
                name for parameter in known.params for name in (*parameter.opts, *parameter.secondary_opts)
            }
            assert {word for word in words if word.startswith("--")} <= options, line


def test_ci_finds_the_commands_of_the_readme():
    readme = (ROOT / "README.md").read_text("utf-8")
    headings = re.findall(r'^readme "(.*)"$', (ROOT / ".ci/run").read_text("utf-8"), re.M)
    assert headings == ["Install from a clone", "Run the tests"]
    for heading in headings:
        assert re.search(rf"^## {heading}\n(?:(?!## ).*\n)*?```sh\n", readme, re.M), heading


def _script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / f"docs/{name}.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def test_the_tables_of_the_pages_are_what_the_commands_print():
    tables = _script("tables")
    for page in tables.PAGES:
        text = page.read_text("utf-8")
        assert len(tables.SHOWN.findall(text)) >= 2
        assert tables.updated(text) == text, f"{page.name}: run python docs/tables.py"
    readme = tables.README.read_text("utf-8")
    assert tables.other_best(readme) == [], "the README and the leaderboard name the same best model"
    headline = {name for name in definition_names() if load_definition(name).status == "headline"}
    assert {track for track, _ in tables.COMPARED.findall(readme)} == headline
    swapped = tables.COMPARED.sub(lambda found: found[0].replace(f"| {found[2]} |", "| other |"), readme)
    assert [words.split(",")[0] for words in tables.other_best(swapped)] == [
        f"{track}: the table names other first" for track, _ in tables.COMPARED.findall(readme)
    ]


def test_the_charts_show_the_results():
    charts = _script("charts")
    page = (ROOT / "docs/baselines.md").read_text("utf-8")
    for track in charts.TRACKS:
        results = charts.results_of(track)
        for path in charts.charts_of(track, results):
            assert charts.drawn(path, results), f"{path.name}: run python docs/charts.py"
            assert f"](images/charts/{path.name})" in page
        assert not charts.drawn(path, results[1:])


def test_a_chart_has_a_row_and_a_line_for_each_model():
    charts = _script("charts")
    results = charts.results_of("lyrics-synthetic")
    nll, *others = charts.models_chart(results).axes
    assert [label.get_text() for label in nll.get_yticklabels()] == [one.submission.name for one in results]
    assert len(others) == 3
    (axis,) = charts.optimum_chart(results).axes
    lines = {line.get_label(): list(line.get_ydata()) for line in axis.lines}
    best = results[0]
    assert lines[best.submission.name] == [shot.to_optimum.mean for shot in best.aggregates.shots]


def test_the_systems_have_the_figures_of_the_results():
    systems = _script("systems")
    text = systems.PAGE.read_text("utf-8")
    assert systems.updated(text) == text, "run python docs/systems.py"
    assert re.search(r"`lstm.py` \| \d\.\d{4} \| \d\.\d{4} \|", text)
    files = set(re.findall(r"`(\w+)\.py`", text))
    missing = {name for name in files if not (ROOT / f"baselines/{name}.py").is_file()}
    assert not missing
