# `make demo` and `make test` are all a newcomer needs: each makes the environment it runs in.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST_WORKERS ?= auto
PYTEST_ARGS ?=
DEMO_ARGS ?=
# The programs of other frameworks, which are no part of this repository.
DIALECTS ?= ../shared/dialects

.PHONY: help demo test test-servers dialects check format bench screenshots clean
.DEFAULT_GOAL := help

help:
	@echo "make demo         a small shop of services with the console on it"
	@echo "make test         the whole test suite (fetches a server of its own where no redis-server is there)"
	@echo "make test-servers the tests that depend on the server, on Redis 6.2 and 8.2 and on Valkey 8.1 and 9.1"
	@echo "make dialects     the real programs of other frameworks with the console beside them (DIALECTS=folder has them)"
	@echo "make check        format, lint, import contracts and types"
	@echo "make format       put the code into its format"
	@echo "make bench        the benchmarks, side by side with their peers"
	@echo "make screenshots  the pictures of the README, made anew from the demo as it runs"

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Daebus needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing Daebus and its tools into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(READY)
	@PATH="$$($(BIN)/python -m tests.support.servers path)" $(BIN)/daebus-console demo $(DEMO_ARGS)

test: $(READY)
	@$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist loadgroup $(PYTEST_ARGS)

test-servers: $(READY)
	@$(BIN)/python -m tests.support.servers test $(PYTEST_WORKERS) $(PYTEST_ARGS)

dialects: $(READY)
	@$(BIN)/python -m tests.frameworks $(DIALECTS)

check: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports --no-cache --no-logo
	@$(BIN)/mypy
	@$(BIN)/mypy --strict tests/typing/program.py

format: $(READY)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY)
	@$(BIN)/python -m tests.benchmarks

screenshots: $(READY)
	@$(BIN)/python -m docs.screenshots

clean:
	rm -rf $(VENV) .envs .servers dist build bench-results .pytest_cache .mypy_cache .ruff_cache .hypothesis
