# Everything sets itself up in .venv, from a fresh clone, with Python 3.11+ and make.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DEMO   ?= demo
# The pages' JavaScript is checked where node and npm are (the redirection makes old make ask a shell); no other step needs them.
NODE   := $(and $(shell command -v node 2>/dev/null),$(shell command -v npm 2>/dev/null))
NODE_STAMP := node_modules/.installed
# A file's tests share servers and browsers, so they stay in one process. Each process has one thread for torch, and there is a
# process more than cores, since many tests wait.
PROCESSES ?= $(shell $(PYTHON) -c 'import os; print(min(5, (os.cpu_count() or 1) + 1))')
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 GOMP_SPINCOUNT=0 $(BIN)/python -m pytest -q --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help demo test test-all coverage check check-javascript format clean

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-10s %s\n", $$1, $$2}'

demo: $(STAMP) ## Draw the sample catalog (once), stylize 12 pairs offline, print where the designs are
	@test -f $(DEMO)/styles/catalog.csv || $(BIN)/stylemill sample $(DEMO)
	@STYLEMILL_RECIPE=$${STYLEMILL_RECIPE:-house} $(BIN)/stylemill run \
	  --garments $(DEMO)/garments --styles $(DEMO)/styles --designs $(DEMO)/designs --style-set studio
	@echo "Browse them:   $(BIN)/stylemill browse --garments $(DEMO)/garments --styles $(DEMO)/styles --designs $(DEMO)/designs --open"

test: $(STAMP) ## Run the tests; starts its own servers, needs no network
	@$(PYTEST)

test-all: $(STAMP) ## Run the slow tests too
	@$(PYTEST) -m "not gpu"

coverage: $(STAMP) ## Run the tests and count the lines they run; fails below the floor in pyproject.toml
	@$(PYTEST) --cov

check: $(STAMP) check-javascript ## Format, lint, types, direction of imports: what CI checks
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

check-javascript: $(if $(NODE),$(NODE_STAMP))
ifneq ($(NODE),)
	@node_modules/.bin/eslint --max-warnings 0 catalogs
	@node_modules/.bin/tsc
else
	@echo "The check of JavaScript (eslint, tsc) is left out: node and npm are not installed."
endif

format: $(STAMP) ## Put the code into shape
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format --quiet .

clean: ## Remove what the targets made
	rm -rf $(VENV) node_modules $(DEMO) .coverage .pytest_cache .mypy_cache .ruff_cache .import_linter_cache *.egg-info build dist

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || (echo "Stylemill needs Python 3.11 or newer; set PYTHON=python3.12, say." >&2; exit 1)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $(STAMP)

# The versions of package.json; .npmrc says that npm writes no lock file and refuses a node that is too old.
$(NODE_STAMP): package.json .npmrc
	npm install --loglevel=error >/dev/null
	@touch $(NODE_STAMP)
