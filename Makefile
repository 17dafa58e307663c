# Two commands are all a new machine needs: `make demo` and `make test`.
# Each creates .venv when it is missing and installs the pinned set of constraints.txt into it.

# The first interpreter that really runs and is new enough (a version manager's shim may exist and not run).
PYTHON ?= $(shell for p in python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# One thread per process: two test workers on two cores must not fight over them.
THREADS := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 NUMBA_NUM_THREADS=1

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-integration test-slow check docs wheel-check bench-perf bench-training parity clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# `exec` throughout: the program replaces the shell, so a SIGTERM to make reaches it and nothing in between.
demo: $(VENV)/.runtime ## Compare four reward designs on SparseKey; writes a leaderboard (2 to 4 minutes)
	@exec $(BIN)/operant demo $(ARGS)

test: $(VENV)/.dev ## Run the tests (under 5 minutes on 2 cores)
	@export $(THREADS); exec $(BIN)/python -m pytest -n 2 $(ARGS)

test-integration: $(VENV)/.dev ## Run the tests of whole programs, of every world's batch and of GPU code (half an hour)
	@export $(THREADS); exec $(BIN)/python -m pytest -n 2 -m "integration and not slow and not gpu" $(ARGS)

test-slow: $(VENV)/.dev ## Run the tests that take minutes each
	@export $(THREADS); exec $(BIN)/python -m pytest -n 2 -m slow --timeout 3600 $(ARGS)

check: $(VENV)/.dev ## Lint, formatting, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.dev ## Build the documentation into docs/_build/html; a warning is an error
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html

wheel-check: $(VENV)/.dev ## Build sdist and wheel, compare with the tree, use the installed wheel
	$(BIN)/python tools/check_wheel.py

bench-perf: $(VENV)/.dev ## Measure the gridworlds' speed beside their peers' (README, Speed)
	@exec $(BIN)/python -m operant.benchmarks.perf.gridworld $(ARGS)

bench-training: $(VENV)/.dev ## Measure how fast the native PPO learns beside its peers
	@export $(THREADS); exec $(BIN)/python -m operant.benchmarks.perf.training $(ARGS)

parity: $(VENV)/.dev ## Compare what the native PPO and SB3's learn per env step; writes docs/parity.md (1 to 2 hours)
	$(BIN)/python -m pip install --quiet -c constraints.txt Box2D "gymnasium[mujoco]"
	@export $(THREADS); exec $(BIN)/python -m operant.benchmarks.perf.parity --workers 2 --write docs/parity.md $(ARGS)

clean: ## Remove everything that was built (not results/)
	rm -rf $(VENV) build dist docs/_build docs/generated .pytest_cache .mypy_cache .ruff_cache \
		.import_linter_cache .hypothesis .coverage src/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup: $(VENV)/.dev ## Install everything that development needs

$(VENV)/.runtime: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing operant into $(VENV) (once; a few minutes)"
	@$(INSTALL) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	@echo "installing the development tools into $(VENV) (once)"
	@$(INSTALL) --editable '.[dev]'
	@touch $@

# Some distributions ship pip but not ensurepip: then the machine's pip puts a pip into the environment.
$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "operant needs Python 3.11 or newer; install it, or run: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than Python 3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || { $(PYTHON) -m venv --clear --without-pip $(VENV) \
		&& $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }
