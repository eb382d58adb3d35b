"""The tutorial is a notebook that runs from top to bottom."""

import os
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def outputs(cell):
    """Return what a cell printed, as one text."""
    return "".join(output.get("text", "") for output in cell.get("outputs", ()))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the libraries that run the kernel
def test_the_tutorial_runs_from_top_to_bottom(tmp_path, monkeypatch):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    notebook = nbformat.read(ROOT / "docs/tutorial.ipynb", as_version=4)
    shown = [outputs(cell) for cell in notebook.cells]
    nbclient.NotebookClient(notebook, timeout=None, resources={"metadata": {"path": str(tmp_path)}}).execute()
    printed = [outputs(cell) for cell in notebook.cells]
    (evaluated,) = (text for text in printed if "wrong minus right artist" in text)
    assert evaluated in shown, "the figures of the page: run `jupyter execute --inplace docs/tutorial.ipynb`"
    assert "midi-synthetic as frozen" in printed[-2], "leaderboard check"
    assert (tmp_path / "results/midi-synthetic/Bigram.json").is_file()


def test_its_model_is_the_one_in_thirty_lines():
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.read(ROOT / "docs/tutorial.ipynb", as_version=4)
    (model,) = re.findall(
        r"^```python\n(.*?)^```$", (ROOT / "docs/your-model.md").read_text("utf-8"), re.M | re.S
    )
    assert f"%%writefile my_model.py\n{model}".strip() in [cell.source for cell in notebook.cells]
