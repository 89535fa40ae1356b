# Two commands: `make run` and `make test`. Each sets up what it needs, once; safe to run again.
# What was set up is noted by stamp files, so a second start asks the network for nothing.
SHELL := /bin/sh
.NOTPARALLEL:
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --progress-bar off
PINNED := $(PIP) --require-hashes --only-binary :all: -r
APT := DEBIAN_FRONTEND=noninteractive apt-get
NPM_CI := npm_config_update_notifier=false npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
BENCHES := $(patsubst bench/%.py,%,$(shell grep -l __main__ bench/*.py 2>/dev/null))

# Node and npm, where the machine has none, stand in the environment's own folder.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help
help: ## what can be made
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / { sub("%", "NAME", $$1); printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: .venv/.project node_modules/.assets .venv/.broker ## set everything up and start it; prints the address to open (ARGS="--port 9000")
	@exec $(BIN)/wayproof up $(ARGS)

# Tests wait for processes more than they compute, so there are more workers than a small machine has cores.
WORKERS ?= 3
.PHONY: test
# Where Python may not keep what it has compiled, every process of a run compiles all of ours again.
test: export PYTHONDONTWRITEBYTECODE :=
test: check ## everything that CI runs (ARGS="-k name", or ARGS="-n0 --pdb" for one process)
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: check
check: setup-test ## formatting, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: setup-test
setup-test: .venv/.test .venv/.project node_modules/.test node_modules/.assets .venv/.broker .venv/.chromium ## set up what tests need

.PHONY: bench
bench: $(addprefix bench-,$(BENCHES)) ## all benchmarks, one after the other

SECONDS ?= 1800
.PHONY: soak
soak: setup-test ## faults under new seeds, until one fails or SECONDS are over
	$(BIN)/python tests/faults/soak.py $(SECONDS)

bench-%: setup-test ## one benchmark: bench/NAME.py (ARGS="...")
	$(BIN)/python -m bench.$* $(ARGS)

.PHONY: contract
contract: node_modules/.test ## compile the contract into ledger/wayproof/ledger/contract.json
	node ledger/contract/build.mjs

.PHONY: requirements
requirements: .venv/.made ## pin requirements with hashes, the old pins where they fit (UPGRADE=--upgrade for the newest)
	$(PYTHON) -m venv build/uv
	build/uv/bin/pip install --quiet uv
	$(COMPILE) --extra embedded -o requirements/run.txt pyproject.toml requirements/build.in
	$(COMPILE) --extra embedded --group test -o requirements/test.txt pyproject.toml requirements/build.in
	$(COMPILE) -o requirements/node.txt requirements/node.in
	$(COMPILE) -o requirements/iotcore.txt requirements/iotcore.in
COMPILE := build/uv/bin/uv pip compile --quiet $(UPGRADE) --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-header --no-annotate

.PHONY: clean
clean: ## remove what was set up and built; data in .wayproof stays
	rm -rf $(VENV) node_modules build dist api/wayproof/api/static/vendor
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .schemathesis

.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "make: Python >= 3.11 is needed and $(PYTHON) is $$($(PYTHON) -V 2>&1); name another: make PYTHON=python3.13 run" >&2; \
	  exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  package=$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
	  if [ "$$(id -u)" = 0 ]; then $(APT) update -qq && $(APT) install -y -qq $$package; \
	  else echo "make: $(PYTHON) cannot make virtual environments; run: sudo apt-get install $$package" >&2; exit 1; fi; }
	@echo "make: virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

.venv/.run: requirements/run.txt | .venv/.made
	@echo "make: Python packages"
	@$(PINNED) requirements/run.txt
	@touch $@

.venv/.test: requirements/test.txt | .venv/.run
	@echo "make: Python packages for tests"
	@$(PINNED) requirements/test.txt
	@touch $@

.venv/.project: pyproject.toml .venv/.run
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

# Only to fetch packages; nothing of ours needs Node while it runs.
.venv/.node: requirements/node.txt | .venv/.run
	@if npm --version >/dev/null 2>&1 && node -e 'process.exit(+process.versions.node.split(".")[0] < 20 ? 1 : 0)'; then :; else \
	  echo "make: Node from PyPI, as the machine has none"; \
	  $(PINNED) requirements/node.txt && $(BIN)/python scripts/link_node.py; fi
	@touch $@

node_modules/.run: package.json package-lock.json | .venv/.node
	@echo "make: npm packages"
	@$(NPM_CI) --omit=dev
	@touch $@

# npm removes what it does not install, the other stamp too.
node_modules/.test: package.json package-lock.json | .venv/.node
	@echo "make: npm packages for tests"
	@$(NPM_CI)
	@touch $@ node_modules/.run

node_modules/.assets: web/build.py node_modules/.run
	@$(BIN)/python web/build.py
	@touch $@

.venv/.broker: .venv/.project
	@echo "make: MQTT broker"
	@$(BIN)/wayproof broker install || { \
	  echo "make: iotcore from PyPI instead of mosquitto" >&2; $(PINNED) requirements/iotcore.txt; }
	@touch $@

.venv/.chromium: | .venv/.made
	@if command -v chromium >/dev/null; then touch $@; \
	elif [ "$$(id -u)" = 0 ]; then \
	  echo "make: chromium"; $(APT) update -qq && $(APT) install -y -qq --no-install-recommends chromium && touch $@; \
	else echo "make: no chromium, so tests of pages are skipped; run: sudo apt-get install chromium"; fi
