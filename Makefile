PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# With what the package needs and no more, as its users have it.
PLAIN := $(VENV)/plain
# Also where PYTHONDONTWRITEBYTECODE is set, so that it starts as it does installed.
COMPILE := @$(BIN)/python -m compileall -q internal_api

help: ## Print the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-7s %s\n", $$1, $$2}' Makefile

run: $(INSTALLED) ## Serve the documentation's world at http://127.0.0.1:3001
	$(COMPILE)
	$(BIN)/internal-api serve --seed demo

test: $(INSTALLED) ## Run the tests
	$(BIN)/pytest

lint: $(INSTALLED) ## Check style and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(INSTALLED) ## Check the types
	$(BIN)/mypy

bench: $(PLAIN)/.installed ## Measure speed and size against the goals
	$(COMPILE)
	$(PLAIN)/bin/python -m bench

picture: $(INSTALLED) ## Make the picture of the inspector, with chromium
	$(COMPILE)
	$(BIN)/python tests/process/picture.py

clean: ## Remove what the other targets made, but the data
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find internal_api tests bench -name __pycache__ -prune -exec rm -rf {} +

# pip needs to run again when the packages it installs change, not the code.
$(INSTALLED): setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is not Python 3.11 or newer: make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "$(PYTHON) has no venv (Debian: apt-get install python3-venv)" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

# Without the package itself: what is measured is what lies here.
$(PLAIN)/.installed: $(INSTALLED)
	@$(BIN)/python -m venv $(PLAIN)
	$(PLAIN)/bin/python -m pip install --quiet --disable-pip-version-check --editable .
	@$(PLAIN)/bin/python -m pip uninstall --quiet --yes gitlab-internal-api
	@touch $@

.PHONY: help run test lint types bench picture clean
