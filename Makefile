# Residua's one-word commands. Each works as the first command on a fresh clone: what is missing is installed.
#
#   make serve [PORT=5006]   the dashboard, at the printed address
#   make test [ARGS=...]     every test, two files at a time; with ARGS these go to pytest, one test at a time:
#                            ARGS="tests/engine -k lm"
#   make setup               only the environment: .venv, with .venv/bin/residua
#   make check               ruff and mypy
#   make bench [ARGS=...]    the same fits by other codes, timed side by side (ARGS="--cases all", see --help);
#                            BENCH=samplers ARGS=--full for the samplers, and so for each script in benchmarks/
#   make tutorials [ARGS=...] run the cells of the tutorial again and keep what they show (ARGS name pages)
#   make format              let ruff lay out and mend what it can
#   make docs                write the pages of docs/ that are made from declarations
#   make clean               remove caches and build products; 'make distclean' also .venv and .bench
#   make constraints         write constraints.txt from what is in .venv now
#
# PYTHON=python3.12      which Python makes .venv (otherwise the first of python3, python3.11, ... that is >= 3.11)
# TORCH_INDEX=URL        take torch from this wheel index (the install page of PyTorch lists one for CPU-only
#                        and one for each CUDA version); otherwise pip's own choice
# CHROMIUM=/path         the browser for the tests (otherwise Debian's, installed if missing)

VENV ?= .venv
PORT ?= 5006
ARGS ?=
BENCH ?= peers
CHROMIUM ?= /usr/bin/chromium
TORCH_INDEX ?=
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)

BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_TEST := $(VENV)/.ready-test
PIP := $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt

# $(call apt,PACKAGES,WHAT FOR): install Debian packages, or say in a sentence why that cannot be done.
define apt
	if ! command -v apt-get >/dev/null; then \
		echo "$(2) needs $(1), and there is no apt-get here to install it. Install it by hand, then run make again."; exit 1; fi; \
	if [ "$$(id -u)" = 0 ]; then as_root=; elif command -v sudo >/dev/null; then as_root=sudo; else \
		echo "$(2) needs $(1). Ask an administrator for 'apt-get install $(1)', then run make again."; exit 1; fi; \
	echo "Installing $(1) for: $(2)"; \
	$$as_root apt-get update -qq && $$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1) >/dev/null
endef

.PHONY: help setup serve test check bench tutorials format docs clean distclean constraints chromium postgres nginx
help:
	@sed -n '/^#   make/s/^# *//p' Makefile

setup: $(READY)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Residua needs Python 3.11 or newer, and none was found. Install one (Debian: apt-get install python3), or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
		package=$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
		$(call apt,$$package,Making a virtual environment); }
	$(PYTHON) -m venv $(VENV)

$(READY): pyproject.toml constraints.txt | $(BIN)/python
ifneq ($(TORCH_INDEX),)
	$(PIP) --no-deps --index-url "$(TORCH_INDEX)" torch
endif
	$(PIP) --editable .
	@touch $@

$(READY_TEST): $(READY)
	$(PIP) --editable ".[test,dev]"
	@touch $@

serve: $(READY)
	$(BIN)/residua serve --port $(PORT) $(ARGS)

chromium:
	@test -x "$(CHROMIUM)" || { $(call apt,chromium,Testing the dashboard in a browser); }
	@test -x "$(CHROMIUM)" || { echo "No browser at $(CHROMIUM). Name one: make test CHROMIUM=/path/to/chromium"; exit 1; }

postgres:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || \
		( $(call apt,postgresql,Testing the database of a lab) ) || echo "Tests on Postgres will be skipped."

nginx:
	@{ command -v nginx >/dev/null || test -x /usr/sbin/nginx; } && command -v openssl >/dev/null || \
		( $(call apt,nginx-light openssl,Testing the proxy and the certificates of a lab) ) || echo "Tests of the proxy will be skipped."

# One thread for torch and BLAS: the tests start worker processes of their own, and on a small machine
# threads of several processes on the same cores are slower than none. Bytecode is kept: each of the many servers
# that the tests start would compile the whole package again.
test: export OMP_NUM_THREADS := $(or $(OMP_NUM_THREADS),1)
test: export PYTHONDONTWRITEBYTECODE :=
test: export RESIDUA_CHROMIUM := $(CHROMIUM)
test: $(READY_TEST) chromium postgres nginx
ifneq ($(strip $(ARGS)),)
	$(BIN)/python -m pytest $(ARGS)
else
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder
endif

check: $(READY_TEST)
	$(BIN)/ruff check .
	$(BIN)/mypy

# imfit's engine is compiled when its environment is made.
bench: $(READY)
	@command -v g++ >/dev/null || { $(call apt,g++,Compiling imfit for the benchmark); }
	@$(BIN)/python -c 'import os, sysconfig, sys; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' || { \
		package=$$($(BIN)/python -c 'import sys; print("python%d.%d-dev" % sys.version_info[:2])'); \
		$(call apt,$$package,Compiling imfit for the benchmark); }
	$(BIN)/python -m benchmarks.$(BENCH) $(ARGS)

tutorials: $(READY)
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/python -m dashboard.learn.build $(ARGS)

format: $(READY_TEST)
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .

constraints: $(READY_TEST)
	{ sed '/^[^#]/,$$d' constraints.txt; $(BIN)/python -m pip freeze --all --exclude-editable \
		| grep -viE '^(residua|pip|wheel)\b' | sed -E 's/^(torch==[0-9.]+)\+.*/\1/'; } > constraints.new
	mv constraints.new constraints.txt

docs: $(READY)
	$(BIN)/python -m dashboard.reference

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path "./$(VENV)/*" -not -path "./.bench/*" -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV) .bench
