# Each target is one short line over a `polaris` command; the first to run makes .venv and installs what it needs.
#   make start                          the desk on paper, on the built-in market, with its live view
#   make start DETACH=1                 in the background
#   make start MARKET=live              public feeds, simulated fills
#   make start MARKET=recording:FILE    a recording

# the first of these that is new enough; `make PYTHON=/path/to/python start` chooses another
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
POLARIS := $(BIN)/polaris
INSTALLED := $(VENV)/.installed
DEVELOPS := $(VENV)/.develops
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install --constraint constraints.txt
MARKET ?=
DETACH ?=
NAME ?= pipeline
FUZZED = $(if $(filter file,$(origin NAME)),all,$(NAME))

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help start stop restart status logs test test-freqtrade fuzz lint smoke-test bench bench-peers dev-setup warm warm-benches doctor clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

start: $(INSTALLED) ## Start the desk on paper (DETACH=1, MARKET=live, MARKET=recording:FILE)
	@$(POLARIS) start $(if $(DETACH),--detach) $(if $(MARKET),--market '$(MARKET)')

stop: $(INSTALLED) ## Stop the desk
	@$(POLARIS) stop --if-running

restart: stop ## Stop the desk and start it in the background
	@$(POLARIS) start --detach $(if $(MARKET),--market '$(MARKET)')

status: $(INSTALLED) ## Show how the desk is
	@$(POLARIS) status

logs: $(INSTALLED) ## Follow what the desk in the background writes
	@$(POLARIS) logs --follow

test: $(DEVELOPS) ## Run everything CI runs
	@$(MAKE) --no-print-directory --jobs=2 lint warm-benches
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile --ignore tests/e2e $(PYTEST)
	@$(BIN)/python -m pytest tests/e2e $(PYTEST)

test-freqtrade: warm ## Let freqtrade trade on an exchange, dry and live, and compare what both say (SECONDS=180 each)
	@$(BIN)/python benchmarks/clients/freqtrade_bot.py --seconds $(or $(SECONDS),180)

fuzz: $(DEVELOPS) ## Attack the exchange's parsers (NAME=fix_bytes, SECONDS=60; all of them a minute each)
	@$(PIP) --editable '.[fuzz]'
	@$(BIN)/python -m tests.fuzz $(FUZZED) --seconds $(or $(SECONDS),60)

lint: $(DEVELOPS) ## Check style and types
	@$(BIN)/ruff check src tests benchmarks
	@$(BIN)/mypy

smoke-test: warm ## Run the desk for ten seconds and look at the result
	@$(POLARIS) start --for '10 s' --no-screen --port 0 --data data/smoke-test
	@$(POLARIS) doctor --offline

bench: warm ## Measure (NAME=pipeline, NAME=tick-to-order, ...)
	@$(POLARIS) bench $(NAME)

bench-peers: $(INSTALLED) ## Install the peers, each in an environment of its own, and measure beside them
	@$(BIN)/python benchmarks/peers/install.py
	@$(POLARIS) bench pipeline
	@$(POLARIS) bench feeds

dev-setup: $(DEVELOPS) ## Install the development tools
	@echo 'ready: $(BIN)/polaris, $(BIN)/python -m pytest'

warm: $(INSTALLED) ## Compile the kernels
	@$(POLARIS) warm

warm-benches: $(INSTALLED)
	@$(POLARIS) warm --benches

doctor: $(INSTALLED) ## Check this machine
	@$(POLARIS) doctor

clean: ## Remove what was built and cached; data and recordings stay
	@rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(or $(PYTHON),false) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo 'Polaris needs Python 3.11 or newer. On Debian 12 and later: sudo apt install python3 python3-venv'; \
	  echo 'On Ubuntu 22.04: sudo apt install python3.11 python3.11-venv'; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo '$(PYTHON) can not make an environment. Install that part of it: sudo apt install' \
	  "$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"; exit 1; }
	@echo 'making $(VENV)'
	@$(PYTHON) -m venv $(VENV)

$(INSTALLED): pyproject.toml constraints.txt | $(BIN)/python
	@echo 'installing Polaris (a minute or two the first time)'
	@$(PIP) --editable .
	@touch $@

$(DEVELOPS): pyproject.toml constraints.txt | $(INSTALLED)
	@echo 'installing the development tools'
	@$(PIP) --editable '.[dev]'
	@touch $@
