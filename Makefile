# Two commands are all a newcomer needs: `make demo` and `make test`. Both set themselves up.
PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: setup demo test lint bench unsloth clean

setup: .venv/ready

.venv/ready: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "flowstill needs Python 3.11 or newer; PYTHON=... names another")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Setting up .venv (about 2 GB, a few minutes the first time) ..."
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable ".[still]" --group dev
	touch $@

demo: setup
	cd examples/handbook && ../../$(BIN)/flowstill run handbook
	cd examples/handbook && ../../$(BIN)/flowstill ask handbook $(QUESTIONS)
	@cd examples/handbook && echo "Report: examples/handbook/$$(../../$(BIN)/flowstill show handbook --report)"

test: lint
	$(BIN)/pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup
	$(BIN)/python -m tests.bench

clean:
	rm -rf .venv build dist examples/*/still
