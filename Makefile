# Targets need only Python and make. The environment is made on first use.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test lint docs pages picture clean

# Build the synthetic tracks, evaluate models on them, compare these with the Bayes-optimal one, build the leaderboard.
demo: $(VENV)/installed
	$(BIN)/fsdl-bench build
	OMP_NUM_THREADS=1 $(BIN)/fsdl-bench run leaderboard/demo.toml --workers 2 > /dev/null
	@set -e; for track in lyrics-synthetic midi-synthetic; do \
	  $(BIN)/fsdl-bench compare demo/results/$$track/*.json --against bayes-optimal; \
	done
	$(BIN)/fsdl-bench leaderboard build --results demo/results --out demo/leaderboard > /dev/null
	@echo "The page: $(CURDIR)/demo/leaderboard/index.html"

test: $(VENV)/developing
	$(BIN)/python -m pytest -n auto

docs: $(VENV)/developing
	$(BIN)/sphinx-build -W -b html docs docs/_build

# Put what the commands print into the pages, and draw their charts, after results have changed.
pages: $(VENV)/developing
	$(BIN)/python docs/tables.py
	$(BIN)/python docs/systems.py
	$(BIN)/python docs/charts.py
	$(BIN)/python docs/curves.py --charts docs/images leaderboard/results/lyrics-verse

# Take the README's picture of the leaderboard from the current results. Needs Chromium (`apt-get install chromium`).
picture: $(VENV)/developing
	$(BIN)/python benchmarks/picture.py

lint: $(VENV)/developing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The demo imports a small part of PyTorch, so only that part is compiled, when it is imported.
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable ".[site]"
	touch $@

# Isolated processes cannot write bytecode, so the tests need all of it.
$(VENV)/developing: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable ".[dev,docs,scores,site]"
	-$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib
	touch $@

clean:
	rm -rf $(VENV) dist docs/_build
