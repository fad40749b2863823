# Everything a checkout needs. `make help` lists the targets.
#
# PYTHON: the interpreter .venv is made with. Default: the first of python3, python3.13, ... that is
# at least 3.11. Nothing else has to be set, nothing is installed outside .venv.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
# Tests run side by side, at most eight at a time: each worker loads the compiled kernels.
PYTEST := $(PY) -m pytest -n auto --maxprocesses=8 --dist worksteal
# The tests that hold documents, facade and house against the code.
CHECK_TESTS := $(wildcard tests/test_tidy.py tests/test_api.py tests/test_docs.py)
UV := build/lock/bin/python -m uv
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links

# Without bytecode files every start is several times slower.
unexport PYTHONDONTWRITEBYTECODE
# A virtual environment that was moved still points at its old place: make it again.
ifneq ($(wildcard $(READY)),)
ifneq ($(shell cat $(READY)),$(CURDIR))
$(shell rm -rf $(READY) $(VENV)/bin)
endif
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test slow check format bench lock wheel clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r t d; do \
		printf '  make %-8s %s\n' "$$t" "$$d"; done

setup: $(READY) ## make .venv with everything pinned (again when the lock or pyproject.toml changed)

$(READY): requirements-dev.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "nowake needs Python 3.11 or newer: install it, or name one with make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit("nowake needs Python 3.11 or newer, $(PYTHON) is %d.%d: name another with make PYTHON=/path/to/python3" % v[:2])'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { $(PYTHON) -c 'import sys; print("Python cannot make virtual environments here, install that part: apt install python%d.%d-venv" % sys.version_info[:2])'; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version): about a minute, once."
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r requirements-dev.lock
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@echo "$(CURDIR)" > $(READY)

demo: setup ## work an order on the synthetic market, start to finish
	@$(VENV)/bin/nowake demo

test: setup ## run the tests
	$(PYTEST)

slow: setup ## run the slow tests
	$(PYTEST) -m slow

check: setup ## formatting, lint, types, import graph, documents up to date
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy --strict src
	$(PY) -m pytest -q $(CHECK_TESTS)

format: setup ## format the code and apply safe lint fixes
	$(PY) -m ruff check --fix-only --quiet .
	$(PY) -m ruff format .

bench: setup ## run every benchmark; each prints JSON
	@set -e; for file in $(sort $(wildcard bench/*.py)); do echo "# $$file" >&2; $(PY) $$file; done

lock: ## write the lock files again (make lock UPGRADE=--upgrade moves the pins)
	@$(PYTHON) -m venv build/lock
	@build/lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	@$(COMPILE) $(UPGRADE) pyproject.toml -o requirements.lock
	@$(COMPILE) $(UPGRADE) pyproject.toml --extra dev -c requirements.lock -o requirements-dev.lock

wheel: setup ## build the wheel into dist/
	$(PY) -m pip wheel --quiet --disable-pip-version-check --no-build-isolation --no-deps -w dist .

clean: ## remove .venv and everything the tools left
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
