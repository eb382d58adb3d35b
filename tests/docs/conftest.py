"""The scripts of docs/ as modules."""

import importlib
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="session")
def script():
    """`script(name)`: the module docs/<name>.py."""

    def load(name):
        sys.path.insert(0, str(DOCS))
        try:
            return importlib.import_module(name)
        finally:
            sys.path.remove(str(DOCS))

    return load
