# The two environments and the two commands. `make help` lists the rest.
# Set-up is remembered by the digest of what was installed: the same locks again do nothing and need no network.

PYTHON ?= python3
ENGINE ?= cpu
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

PIP := .venv/bin/uv pip install --compile-bytecode --no-deps --python
LOCKS := requirements
suffix := $(if $(filter cuda,$(ENGINE)),-cuda)

# uv does not read pip's find-links, and a CUDA torch without its libraries does not import: on Linux, without
# a wheel folder or a choice of one's own, torch comes from PyTorch's CPU index. Torch alone and first: with the
# choice in force uv would ask that index for triton too, which it need not have.
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
ifeq ($(UV_FIND_LINKS)$(UV_TORCH_BACKEND)$(suffix)|$(shell uname -s),|Linux)
backend := --torch-backend cpu
torch = $(PIP) $(1) $(backend) "$$(grep -o '^torch==[0-9.]*' $(2))"
endif

# A wheel folder may hold torch for another Python only: the index's build then asks for libraries that are not there.
loads = $(1)/bin/python -c 'import torch' || { \
  echo "torch does not load in $(1). If it comes from a folder of wheels, that folder has none for this Python:" >&2; \
  echo "make clean setup PYTHON=python3.11 (the Python that was tried), or set UV_TORCH_BACKEND=cpu to take PyTorch's" >&2; \
  exit 1; }

# Suffix decoding is compiled here and asks for a torch to be compiled beside: the locked one, as every other would be
# fetched for this alone. Its vLLM plugin does nothing unless ARCTIC_INFERENCE_ENABLED=1.
compiler := $(shell command -v c++)
optional = { test -n "$(compiler)" && timeout 900 $(PIP) $(1) $(backend) --require-hashes -r $(LOCKS)/engine-optional.txt \
    --build-constraints <(grep -o '^torch==[0-9.]*' $(2)); } > $(1)/optional.log 2>&1 || \
  echo "suffix decoding was not installed, and the benchmark leaves out its rung: it takes a C++ compiler (c++) and a" \
    "package index; then make setup, or see $(1)/optional.log" >&2

digest = $(shell cat $(1) 2>/dev/null | git hash-object --stdin | cut -c1-16)
pipeline_inputs := $(addprefix $(LOCKS)/,uv.txt pipeline$(suffix).txt dev.txt assets.txt) pyproject.toml
engine_inputs := $(addprefix $(LOCKS)/,uv.txt engine-$(ENGINE).txt engine-optional.txt) $(wildcard src/temper_vllm/pyproject.toml)
PIPELINE := .venv/.installed-$(call digest,$(pipeline_inputs))
ENGINE_STAMP := .venv-engine/.installed-$(call digest,$(engine_inputs))$(if $(compiler),,-uncompiled)

.PHONY: help setup pipeline engine demo test test-slow lint types lock clean
help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

setup: pipeline engine ## Both environments from their locks (ENGINE=cuda for NVIDIA machines).

pipeline: $(PIPELINE)
engine: $(ENGINE_STAMP)

demo: setup ## The whole pipeline on SmolLM2-135M, ending in the tables and the report.
	@.venv/bin/temper run demo

test: setup lint types ## Ruff, mypy, then all tests of seconds and the smoke preset end to end.
	@.venv/bin/python -m pytest -m "not slow" -n 2 --dist loadfile --no-loadscope-reorder

test-slow: setup ## The tests that take minutes each.
	@.venv/bin/python -m pytest -m slow

lint: pipeline ## Ruff: rules and format.
	@.venv/bin/ruff check .
	.venv/bin/ruff format --check .

types: pipeline ## mypy.
	@.venv/bin/mypy

lock: pipeline ## Make the locks again (requirements/README.md).
	@bash requirements/lock.sh

clean: ## Remove both environments and the tools' caches; the state under .temper stays.
	rm -rf .venv .venv-engine .pytest_cache .mypy_cache .ruff_cache

.venv/bin/uv: $(LOCKS)/uv.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
	  echo "temper needs Python 3.11 or later and '$(PYTHON)' is not: name another, make setup PYTHON=python3.11" >&2; exit 1; }
	"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || {
	  echo "'$(PYTHON)' cannot make virtual environments: install its venv module (on Debian, the package python3-venv)" >&2; exit 1; }
	"$(PYTHON)" -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r $(LOCKS)/uv.txt
	touch .venv/bin/uv

$(PIPELINE): | .venv/bin/uv
	@rm -f .venv/.installed-*
	$(call torch,.venv,$(LOCKS)/pipeline$(suffix).txt)
	$(PIP) .venv -r $(LOCKS)/pipeline$(suffix).txt -r $(LOCKS)/dev.txt
	$(PIP) .venv --require-hashes -r $(LOCKS)/assets.txt
	$(PIP) .venv --editable .
	$(call loads,.venv)
	touch $@

$(ENGINE_STAMP): | .venv/bin/uv
	@test -x .venv-engine/bin/python || .venv/bin/uv venv --python .venv/bin/python .venv-engine
	rm -f .venv-engine/.installed-*
	$(call torch,.venv-engine,$(LOCKS)/engine-$(ENGINE).txt)
	$(PIP) .venv-engine -r $(LOCKS)/engine-$(ENGINE).txt
	$(if $(wildcard src/temper_vllm/pyproject.toml),$(PIP) .venv-engine --editable src/temper_vllm)
	$(call optional,.venv-engine,$(LOCKS)/engine-$(ENGINE).txt)
	$(call loads,.venv-engine)
	touch $@
