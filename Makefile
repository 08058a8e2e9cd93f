# Two commands are all a newcomer needs: `make demo` and `make test`. Both set themselves up.
PYTHON ?= python3
BIN := .venv/bin
HANDBOOK := cd examples/handbook && ../../$(BIN)/flowstill
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: setup demo test lint bench coverage unsloth clean

setup: .venv/ready

.venv/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "flowstill needs Python 3.11 or newer; PYTHON=... names another")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Setting up .venv (about 2 GB, a few minutes the first time) ..."
	$(BIN)/python -m pip install --upgrade "pip>=25.1"
	$(BIN)/python -m pip install torch==2.13.0
	$(BIN)/python -m pip install --editable ".[still]" --group dev
	touch $@

demo: setup
	$(HANDBOOK) run handbook
	$(HANDBOOK) ask handbook "How heavy may a parcel be?" "Until what time can I call in sick?" \
		"Which bakery brings our bread?"
	@$(HANDBOOK) show handbook --report | sed 's|^|The report of the run: examples/handbook/|'

test: lint unsloth
	$(BIN)/pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

UNSLOTH_VERSION := 2026.10.9
UNSLOTH := $(or $(FLOWSTILL_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/flowstill)/envs/unsloth-$(UNSLOTH_VERSION)

# An environment of its own: it pins other versions than .venv and patches its neighbours.
unsloth: $(UNSLOTH)/ready

$(UNSLOTH)/ready: trainer/unsloth-requirements.txt
	@echo "Setting up Unsloth in $(UNSLOTH) (1.7 GB, a few minutes the first time) ..."
	$(PYTHON) -m venv --clear $(UNSLOTH)
	$(UNSLOTH)/bin/python -m pip install --upgrade "pip>=25.1"
	$(UNSLOTH)/bin/python -m pip install torch==2.13.0
	$(UNSLOTH)/bin/python -m pip install --no-deps --requirement trainer/unsloth-requirements.txt
	touch $@

bench: setup
	$(BIN)/python -m tests.bench

coverage: setup
	$(BIN)/python -m tests.dsl.coverage > dsl/COVERAGE.md

clean:
	rm -rf .venv build dist examples/*/still
