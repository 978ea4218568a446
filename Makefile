# Every target, in one line each. `make demo` and `make test` are all a newcomer needs.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
PYTEST_ARGS ?=
# Hash-checked installs name every package; a user's pip configuration must not add its own.
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-input
ROUNDS ?= 20
SEED ?=
HOMES ?= 2
CODE := telekol gateway ingest alerts clinician_api device_sim migrations

.PHONY: help demo demo-reset test streets check chaos bench-gateway bench-ingest bench-alerts evidence format unit lock docs pictures clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | column -t -s "$$(printf '\t')"

demo: $(VENV)/.demo ## Run the whole house here; options with ARGS="--homes 10 --duration 60"
	@exec $(BIN)/telekol demo $(ARGS)

demo-reset: $(VENV)/.demo ## Remove the demo's data
	@$(BIN)/telekol demo --reset $(ARGS)

test: $(VENV)/.dev ## Everything: format, lint, types, import contracts, all tests
	@scripts/system-packages
	@$(MAKE) --no-print-directory check
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "not street" $(PYTEST_ARGS)

streets: $(VENV)/.dev ## Every fault and kill -9 over whole homes as processes; some ten minutes
	@scripts/system-packages
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m street $(PYTEST_ARGS)

check: $(VENV)/.dev ## Formatting, lint, strict types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy $(addprefix -p ,$(CODE))
	@$(BIN)/mypy tests
	@$(BIN)/lint-imports

unit: $(VENV)/.dev ## The quick tests alone
	@$(BIN)/python -m pytest tests/unit $(PYTEST_ARGS)

chaos: $(VENV)/.dev ## Break everything at random and count what is lost: ROUNDS=200 SEED=4 HOMES=2
	@$(BIN)/python -m tests.chaos --rounds $(ROUNDS) --homes $(HOMES) $(if $(SEED),--seed $(SEED)) $(ARGS)

bench-gateway: $(VENV)/.dev ## What a home gateway costs: disk, memory, processor, time to disk
	@$(BIN)/python -m benchmarks.gateway_footprint $(ARGS)

bench-ingest: $(VENV)/.dev ## How many readings a second ingest stores, beside raw COPY; ARGS="--help"
	@$(BIN)/python -m benchmarks.ingest $(ARGS)

bench-alerts: $(VENV)/.bench ## What a rule costs per series, beside SciPy, pandas and polars
	@$(BIN)/python -m benchmarks.alerts $(ARGS)

evidence: $(VENV)/.bench ## Try the rules on simulated patients and write docs/evidence; SEED=7
	@$(BIN)/python -m benchmarks.evidence $(if $(SEED),--seed $(SEED)) $(ARGS)

format: $(VENV)/.dev ## Format and mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: $(VENV)/.dev ## Make docs/settings.md from the settings, docs/schema.md from the database
	@$(BIN)/python -m scripts.settings_page
	@$(BIN)/python -m scripts.schema_page

pictures: $(VENV)/.dev ## Take the README's pictures from a running demo
	@$(BIN)/python -m scripts.pictures

lock: $(VENV)/.dev ## Pin the newest versions, with hashes and without addresses
	@scripts/lock

clean: ## Remove the virtual environment and caches (not the demo's data)
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Tele-KOL needs Python 3.11 or newer; found $$($(PYTHON) --version). Try: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "Python cannot make virtual environments here. Run: sudo apt-get install python3-venv"; exit 1; }

$(VENV)/.demo: requirements/demo.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing the demo's parts into $(VENV) (once, about a minute) ..." >&2
	@$(PIP) --require-hashes -r requirements/demo.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing the tools into $(VENV) (once, about a minute) ..." >&2
	@$(PIP) --require-hashes -r requirements/dev.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.demo

$(VENV)/.bench: requirements/bench.txt $(VENV)/.dev
	@echo "Installing what the rules are measured against into $(VENV) (once) ..." >&2
	@$(PIP) --require-hashes -r requirements/bench.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@
