# Everything here needs only git, make, Python 3.11+ with venv, and a package index.

PYTHON ?= python3
UV_VERSION := 0.13.9
BIN := .venv/bin
STAMP := .venv/.ready-$(UV_VERSION)
# The index and its certificates are pip's own configuration; a mirror needs nothing more.
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-oldest services check lint types architecture docs constraints dist bench operate faults chart clean

help:  ## Show the targets
	@grep -hE '^[a-z-]+:.*  ## ' $(MAKEFILE_LIST) | awk -F ':.*  ## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: $(STAMP)  ## Make .venv with relayctl in it, from uv.lock

$(STAMP): uv.lock pyproject.toml Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Relay needs Python 3.11 or newer; set one with: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "this Python has no venv module; install it (Debian: apt-get install python3-venv)"; exit 1; }
	@echo "setting up .venv from uv.lock ..."
	@rm -rf .venv
	@$(PYTHON) -m venv .venv
	@$(PIP) install uv==$(UV_VERSION)
	@$(BIN)/uv export --quiet --frozen --all-extras --no-emit-project --output-file .venv/requirements.txt
	@$(PIP) install --no-deps --require-hashes --requirement .venv/requirements.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup  ## Show everything at once, with nothing configured
	@$(BIN)/relayctl demo

test: setup services  ## Run every test
	@$(BIN)/python -m pytest --numprocesses=2

services:
	@sh tests/services.sh

test-oldest: setup  ## Run the unit tests and the demo on the oldest supported Python that is installed
	@sh tests/oldest_python.sh

check: lint types architecture test test-oldest  ## Every check that needs no server outside the tests

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/typos
	$(BIN)/deptry .

types: setup
	$(BIN)/mypy

architecture: setup
	$(BIN)/lint-imports

docs: setup  ## Write the generated parts of docs/
	$(BIN)/python docs/generate.py
	$(BIN)/python dashboards/generate.py
	$(BIN)/python helm/sync.py

constraints: setup  ## Write constraints.txt, the versions of uv.lock for pip
	@{ echo "# The versions of uv.lock, for pip install --constraint. Written by: make constraints"; \
	  $(BIN)/uv export --quiet --frozen --all-extras --no-dev --no-emit-project --no-hashes --no-annotate --no-header; \
	} > constraints.txt

dist: setup  ## Build the wheel and the sdist into dist/
	@rm -rf dist
	@$(BIN)/python -m hatchling build --directory dist

bench: setup  ## Measure what is published; results go to bench/results
	@command -v psql >/dev/null || \
	  { echo "the baseline of the ETL is psql's \\copy; install psql (Debian: apt-get install postgresql-client)"; exit 1; }
	$(BIN)/python -m bench.proxy
	$(BIN)/python -m bench.etl
	$(BIN)/python -m bench.pii
	$(BIN)/python -m bench.pii_recall
	$(BIN)/python -m bench.sizing
	$(BIN)/python -m bench.langfuse
	$(BIN)/python -m bench.relayctl

faults: setup  ## The long fault runs; results go to bench/results
	$(BIN)/python -m tests.faults.proxy
	$(BIN)/python -m tests.faults.etl
	$(BIN)/python -m tests.faults.langfuse

chart: setup  ## Copy dashboards and alerts into the Helm chart
	$(BIN)/python helm/sync.py

operate: setup services  ## Checks that need real servers or tools
	$(BIN)/python -m tests.operate.alerts
	$(BIN)/python -m tests.operate.dashboards
	$(BIN)/python -m tests.operate.helm
	$(BIN)/python -m tests.operate.shipping
	$(BIN)/python -m tests.operate.compose
	$(BIN)/python -m tests.operate.image

clean:  ## Remove what make and the demo made
	rm -rf .venv .venv-oldest var dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
