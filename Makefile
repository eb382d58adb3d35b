# Every target needs nothing but Python and make: the environment is made on first use.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test lint docs clean

demo: $(VENV)/installed
	$(BIN)/fsdl-bench build
	$(BIN)/fsdl-bench show lyrics-synthetic
	$(BIN)/fsdl-bench show midi-synthetic

test: $(VENV)/installed
	$(BIN)/python -m pytest -n auto

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev,scores]"
	touch $@

clean:
	rm -rf $(VENV) dist docs/_build
