# Targets need only Python and make. The environment is made on first use.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test lint docs picture clean

# Build the synthetic tracks, evaluate five models on each, compare them with the Bayes-optimal one, build the leaderboard.
demo: $(VENV)/installed
	$(BIN)/fsdl-bench build
	@set -e; for track in lyrics-synthetic midi-synthetic; do \
	  for model in uniform unigram ngram ngram_cache bayes_optimal; do \
	    echo "== $$model on $$track" >&2; \
	    $(BIN)/fsdl-bench evaluate --submission baselines/$$model.py --track $$track --restart \
	      --out demo/results/$$track/$$model.json > /dev/null; \
	  done; \
	done
	@set -e; for track in lyrics-synthetic midi-synthetic; do \
	  $(BIN)/fsdl-bench compare demo/results/$$track/*.json --against bayes_optimal; \
	done
	$(BIN)/fsdl-bench leaderboard build --results demo/results --out demo/leaderboard > /dev/null
	@echo "The page: $(CURDIR)/demo/leaderboard/index.html"

test: $(VENV)/installed
	$(BIN)/python -m pytest -n auto

docs: $(VENV)/installed
	$(BIN)/sphinx-build -W -b html docs docs/_build

# Take the README's picture of the leaderboard from the current results. Needs Chromium (`apt-get install chromium`).
picture: $(VENV)/installed
	$(BIN)/python benchmarks/picture.py

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev,docs,scores,site]"
	touch $@

clean:
	rm -rf $(VENV) dist docs/_build
