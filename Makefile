# Two commands are all a newcomer needs: `make demo` and `make test`. Both set themselves up.
PYTHON ?= python3
BIN := .venv/bin
HANDBOOK := cd examples/handbook && ../../$(BIN)/flowstill
export PIP_DISABLE_PIP_VERSION_CHECK = 1
unexport PYTHONDONTWRITEBYTECODE # tests and demo start many processes, and each would compile flowstill anew

.PHONY: setup demo test lint bench coverage unsloth lanes graphon n8n-core n8n chromium clean

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

test: lint unsloth lanes
	$(BIN)/pytest --numprocesses 2 --dist loadgroup

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# What tests need beside .venv, outside the checkout and named by version: set up once for all of a machine's checkouts.
ENVS := $(or $(FLOWSTILL_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/flowstill)/envs
UNSLOTH_VERSION := 2026.10.9
UNSLOTH := $(ENVS)/unsloth-$(UNSLOTH_VERSION)

# An environment of its own: it pins other versions than .venv and patches its neighbours.
unsloth: $(UNSLOTH)/ready

$(UNSLOTH)/ready: trainer/unsloth-requirements.txt
	@echo "Setting up Unsloth in $(UNSLOTH) (1.7 GB, a few minutes the first time) ..."
	$(PYTHON) -m venv --clear $(UNSLOTH)
	$(UNSLOTH)/bin/python -m pip install --upgrade "pip>=25.1"
	$(UNSLOTH)/bin/python -m pip install torch==2.13.0
	$(UNSLOTH)/bin/python -m pip install --no-deps --requirement trainer/unsloth-requirements.txt
	touch $@

# The engines on which workflow files run. Where one cannot be set up, its tests say so; in CI that is a failure.
lanes:
	@for lane in graphon n8n-core n8n chromium; do $(MAKE) --no-print-directory $$lane || { test -z "$$CI" \
		&& echo "*** Without $$lane: what runs on it is skipped, and pytest lists it." >&2; } || exit 1; done

# Dify's own engine: the version that Dify pins and the latest. It runs on Python 3.12 and 3.13 only.
graphon: $(ENVS)/graphon-0.8.0/ready $(ENVS)/graphon-0.6.0/ready

$(ENVS)/graphon-%/ready:
	@echo "Setting up graphon $* in $(@D) (1 GB, a minute or two the first time) ..."
	@python= ; for one in "$(PYTHON312)" python3.12 python3.13 $(HOME)/.pyenv/versions/3.1[23]*/bin/python; do \
		if "$$one" -c 'import sys; sys.exit(not (3, 12) <= sys.version_info < (3, 14))' 2>/dev/null; \
		then python=$$one; break; fi; done; \
	if test -z "$$python"; then echo "graphon needs Python 3.12 or 3.13 and none was found on PATH or in pyenv:" \
		"install one, or name it with PYTHON312=/path/to/python3.12" >&2; exit 1; fi; \
	"$$python" -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --upgrade "pip>=25.1"
	$(@D)/bin/python -m pip install graphon==$* --constraint tests/dsl/engines/graphon-constraints.txt
	touch $@

# A browser, for the pages: Debian's. As root it is installed here (by apt as root too: the user that it would become
# may not be allowed to write to /tmp); others are told what to type.
APT := apt-get -qq -o APT::Sandbox::User=root

chromium:
	@command -v chromium >/dev/null || { echo "Setting up Chromium (700 MB, a minute the first time) ..."; \
		test "$$(id -u)" = 0 && $(APT) update && $(APT) install --yes --no-install-recommends chromium; } \
	|| { echo "chromium is not there: apt-get install chromium (as root) brings it." >&2; exit 1; }

# n8n, which is a test dependency only. Its Node comes from npm; install scripts stay off, since one of them fails
# (kafka) and the others are not needed but for sqlite3, which `npm rebuild` compiles (python3, make, g++).
NODE_VERSION := 24
NPM := npm --no-audit --no-fund --no-update-notifier

n8n-core: $(ENVS)/n8n-core-2.41.0/ready
n8n: $(ENVS)/n8n-2.41.1/ready

$(ENVS)/n8n-core-%/ready:
	@echo "Setting up n8n-core $* in $(@D) (1 GB, two minutes the first time) ..."
	$(call node,$(@D))
	cd $(@D) && PATH=$(@D)/node_modules/.bin:$$PATH $(NPM) install --ignore-scripts \
		n8n-workflow@$* n8n-core@$* n8n-nodes-base@$*
	touch $@

$(ENVS)/n8n-2.%/ready:
	@echo "Setting up the n8n 2.$* server in $(@D) (3 GB, six minutes the first time) ..."
	$(call node,$(@D))
	cd $(@D) && PATH=$(@D)/node_modules/.bin:$$PATH $(NPM) install --ignore-scripts n8n@2.$*
	cd $(@D) && PATH=$(@D)/node_modules/.bin:$$PATH $(NPM) rebuild sqlite3 --foreground-scripts
	touch $@

define node
@command -v npm >/dev/null || { echo "n8n needs npm, which is not on PATH: install Node.js" >&2; exit 1; }
rm -rf $(1) && mkdir -p $(1) && cd $(1) && $(NPM) init --yes >/dev/null && $(NPM) install node@$(NODE_VERSION) && node_modules/.bin/node --version
endef

bench: setup
	$(BIN)/python -m tests.bench

coverage: setup
	$(BIN)/python -m tests.dsl.coverage > dsl/COVERAGE.md

clean:
	rm -rf .venv build dist examples/*/still
