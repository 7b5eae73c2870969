.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
QUESTION ?= Should the village open the observatory to everyone?

.PHONY: help demo test check format docs evaluate-detectors benchmarks clean

help: ## show this help
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 28

$(VENV)/.runtime: pyproject.toml constraints.txt hatch_build.py $(wildcard mallku/engine/native/*.[ch])
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --quiet --upgrade "pip>=25.1"
	@echo "Installing mallku; llama-cpp-python is compiled on the way, which takes a few minutes …"
	@$(PIP) install --quiet --constraint constraints.txt --editable ".[llama,server]"
	@touch $@

$(VENV)/.development: $(VENV)/.runtime
	@$(PIP) install --quiet --constraint constraints.txt --group test --group check
	@touch $@

demo: $(VENV)/.runtime ## three seats deliberate on QUESTION through the bundled model
	@$(BIN)/mallku deliberate "$(QUESTION)" --seat Amaru=tiny --seat Noor=tiny --seat Ilse=tiny

test: $(VENV)/.development ## run the test suite
	@$(BIN)/python -m pytest -m "not slow"

check: $(VENV)/.development ## lint, formatting and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python docs/ownership.py --check

format: $(VENV)/.development ## format the code and write the generated parts of the docs
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .
	@$(BIN)/python docs/ownership.py

evaluate-detectors: $(VENV)/.development ## print the detectors' figures on the development data
	@$(BIN)/python -m mallku.detectors.evaluate

benchmarks: $(VENV)/.development ## measure speed against peers, as ratios within one run
	@for file in tests/benchmarks/*.py; do $(BIN)/python $$file || exit 1; done

clean: ## remove the virtual environment and all caches
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
