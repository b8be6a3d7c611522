# `make` lists what there is. `make run` and `make test` need Python 3.11 or newer and set up all else themselves.

# Any of these that is Python 3.11 or newer; `make setup PYTHON=…` names another.
PYTHONS := $(or $(PYTHON),python3.11 python3 python3.13 python3.12 python)
NEW_ENOUGH := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
FIND_PYTHON = for python in $(PYTHONS); do "$$python" -c "$(NEW_ENOUGH)" 2> /dev/null && break; python=; done; \
	test -n "$$python" || { echo "Fluxgate needs Python 3.11 or newer with venv (Debian: apt-get install python3-venv)." \
	"None of these is: $(PYTHONS). Name one: make PYTHON=/path/to/python3.11" >&2; exit 1; }

VENV := .venv
READY := $(VENV)/.ready
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Files that the linters read, besides the two packages.
LINTED := conftest.py fluxgate plugins tests benchmarks
# More than there are cores: many tests wait for a printer most of the time.
WORKERS ?= 3

.DEFAULT_GOAL := help
.PHONY: help setup ui run test lint format lock wheels smoke bench docs pictures clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## Set up .venv from the hashed lock, and nothing else

# The virtual environment is made anew when its Python has gone. The lock names every package, so pip has nothing to resolve:
# left to it, an older pip asks for the newest release of what is named with an extra, whose hash isn't in the lock.
$(READY): requirements/dev.txt pyproject.toml plugins/printing/pyproject.toml
	@$(BIN)/python -c "$(NEW_ENOUGH)" 2> /dev/null || { $(FIND_PYTHON); "$$python" -m venv --clear $(VENV); }
	@$(PIP_INSTALL) --require-hashes --no-deps -r requirements/dev.txt
	@$(PIP_INSTALL) --no-deps --no-build-isolation -e . -e plugins/printing
	@$(BIN)/python -m pip check
	@touch $@

# The dashboard is built when anything of it changed. Node comes with the environment: one version for everybody.
UI := plugins/printing/ui
UI_BUILT := plugins/printing/fluxgate_printing/dashboard/index.html
UI_SOURCES := $(shell find $(UI) -path $(UI)/node_modules -prune -o -type f -print)
UI_READY := $(UI)/node_modules/.ready
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix $(CURDIR)/$(UI)

ui: $(UI_BUILT) ## Build the printing dashboard

$(UI_READY): $(UI)/package-lock.json $(READY)
	@$(NPM) ci --silent
	@touch $@

$(UI_BUILT): $(UI_READY) $(UI_SOURCES)
	@$(NPM) run --silent build -- --logLevel warn
	@touch $@

run: setup ui ## Start the gateway with its embedded defaults
	@exec $(BIN)/fluxgate run

test: setup ui ## Run all tests, installing the servers that they talk to if need be
	@PYTHON=$(BIN)/python tests/install-services
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(ARGS)

lint: setup $(UI_READY) ## Style, types, and the arrows between the packages
	$(BIN)/ruff check $(LINTED)
	$(BIN)/ruff format --check $(LINTED)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(NPM) run --silent check
	$(NPM) run --silent test

format: setup $(UI_READY) ## Format the code
	$(BIN)/ruff check --fix $(LINTED)
	$(BIN)/ruff format $(LINTED)
	$(NPM) run --silent format

# uv's own lock names the index it asked, so it doesn't stay.
EXPORT := $(BIN)/uv export --quiet --all-packages --format requirements-txt --no-header --no-emit-workspace --no-annotate
lock: setup ## Lock the newest versions that the projects allow, with hashes
	@trap 'rm -f uv.lock' EXIT; \
	$(EXPORT) --all-groups --all-extras --output-file requirements/dev.txt && \
	$(EXPORT) --no-dev --output-file requirements/runtime.txt && \
	$(EXPORT) --only-group build --output-file requirements/build.txt
	@for server in octoprint moonraker prusalink; do $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate --no-emit-index-url --upgrade requirements/$$server.in \
		--output-file requirements/$$server.txt || exit 1; done

wheels: setup $(UI_READY) ## Build both wheels into dist/
	@rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist .
	$(BIN)/python -m build --no-isolation --outdir dist plugins/printing

docs: setup $(UI_READY) ## Write the generated parts of docs/
	$(BIN)/python -m fluxgate.settings.reference > docs/configuration.md
	@cd $$(mktemp -d) && $(CURDIR)/$(BIN)/fluxgate openapi > openapi.json && \
		$(NPM) exec -- openapi-typescript "$$PWD/openapi.json" --output $(CURDIR)/$(UI)/src/api/schema.ts --alphabetize

pictures: setup ui ## Take the pictures of the dashboard in docs/ anew
	$(BIN)/python -m tests.pictures

smoke: wheels ## Install both wheels into a new environment and run them in an empty folder
	$(BIN)/python tests/wheel_smoke.py dist

bench: setup ## Measure against nginx and Express (ARGS: see benchmarks/)
	@PYTHON=$(BIN)/python tests/install-services --benchmarks
	$(BIN)/python -m benchmarks $(ARGS)

clean: ## Remove what was built
	rm -rf dist build $(dir $(UI_BUILT)) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
