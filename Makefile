# The main commands are `make repro` and `make test`. Both set up .venv first when it is missing or out of date.

# The first of these that is new enough makes .venv; `make PYTHON=/path/to/python` overrides the choice.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c '$(IS_NEW_ENOUGH)' 2>/dev/null && echo $$python && exit; done; echo python3)
IS_NEW_ENOUGH = import sys; sys.exit(sys.version_info < (3, 11))

# Commands find `groundwork`, `dvc` and each other in .venv, activated or not.
RUN = PATH="$(CURDIR)/.venv/bin:$$PATH"
READY = .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup repro test campaign lint format lessons docs parity bench bench-scale scores tables honesty picture vega lock clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: $(READY)  ## Make .venv with the locked dependencies

repro: $(READY)  ## Fetch, train, evaluate, predict and report every competition
	@$(RUN) groundwork repro

test: $(READY)  ## Run the whole test suite (one file: make test ARGS=tests/test_files.py)
	@$(RUN) python -m pytest -n auto --maxprocesses 4 --dist worksteal $(ARGS)

campaign: $(READY)  ## Kill `groundwork repro` at random moments and check that it recovers (minutes)
	@$(RUN) python -m tests.campaign $(ARGS)

lint: $(READY)  ## Check style, types, the direction of imports and the workflows
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy
	$(RUN) lint-imports
	$(RUN) check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(RUN) zizmor --offline --quiet .github/workflows
	$(RUN) dvc stage list --all > /dev/null

format: $(READY)  ## Fix what ruff can fix
	$(RUN) ruff check --fix
	$(RUN) ruff format

lessons: $(READY)  ## Run the lessons and write their notebooks (one: make lessons ARGS=07)
	@$(RUN) python -m groundwork.lessons.build $(ARGS)

docs: $(READY) .venv/.docs  ## Build the documentation as pages, strictly: build/site/index.html (with the report, if there is one)
	@$(RUN) python -m website.build

parity: $(READY)  ## Compare every block of groundwork.scratch with PyTorch's: outputs, gradients, training, time
	@$(RUN) python -m benchmarks.parity

bench: $(READY)  ## Compare the training time with that of a hand-written loop
	@$(RUN) python benchmarks/fit.py

bench-scale: $(READY)  ## Measure time and memory of each stage on a generated table of H&M's size: 31.8 million purchases
	@$(RUN) python benchmarks/scale.py $(ARGS)

scores: $(READY)  ## Score the shipped parameters on Kaggle's real archives: make scores ARCHIVES=folder
	@$(RUN) python -m benchmarks.scores $(ARCHIVES) $(ARGS)

tables: $(READY)  ## Compare networks and boosted trees with scikit-learn on tables: make tables ARCHIVES=folder
	@$(RUN) python -m benchmarks.tables $(ARCHIVES) $(ARGS)

honesty: $(READY)  ## Show by simulation that verdicts call luck by its name (by real seeds: make honesty ARCHIVES=folder)
	@$(RUN) python -m benchmarks.honesty $(ARCHIVES) $(ARGS)

picture: $(READY)  ## Take README's picture of the report, after make repro and groundwork try (needs Chromium)
	@$(RUN) python -m benchmarks.picture

vega: $(READY)  ## Rewrite the script that draws the report's charts, after an update of vl-convert
	@$(RUN) python -c 'import vl_convert; print(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"), end="")' \
		> src/groundwork/reporting/vendor/vega.js

# Constraints for pip: versions only, the same for every supported Python. The package index and torch's build are left
# to the machine. Locked versions stay; `make lock ARGS=--upgrade` renews them.
lock: $(READY)  ## Rewrite requirements.lock after a change of dependencies in pyproject.toml
	.venv/bin/python -m pip install --quiet uv
	.venv/bin/uv pip compile --quiet --universal --all-extras --fork-strategy fewest --annotation-style line \
		--custom-compile-command 'make lock' --output-file requirements.lock $(ARGS) pyproject.toml

clean:  ## Remove .venv and the tools' caches, but no data or results
	rm -rf .venv .venv.unfinished build .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache notebooks/.ruff_cache
	find main.py src tests -name __pycache__ -prune -exec rm -rf {} +

# Only who builds the pages needs their generator.
.venv/.docs: $(READY)
	.venv/bin/python -m pip install -qq -c requirements.lock -e '.[docs]'
	@touch $@

# .venv.unfinished remains after an interrupted set-up: the next one then starts over, unless the process that it names
# is still running. torch is installed first and alone, so that its build is the one that pip is configured for.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c '$(IS_NEW_ENOUGH)' || { echo "Groundwork needs Python 3.11 or newer; $(PYTHON) is older or missing."; \
		echo "  -> install one, or name it: make PYTHON=/path/to/python3.12"; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments."; \
		echo "  -> on Debian and Ubuntu: apt install python3-venv"; exit 2; }
	@! kill -0 $$(cat .venv.unfinished 2>/dev/null) 2>/dev/null || { echo "Another set-up of .venv is running."; \
		echo "  -> wait for it; if none is, type: make clean"; exit 2; }
	@if [ -e .venv.unfinished ] || ! .venv/bin/python -c '$(IS_NEW_ENOUGH)' 2>/dev/null; then rm -rf .venv; fi
	@echo $$PPID > .venv.unfinished
	@[ -d .venv ] || $(PYTHON) -m venv .venv
	@echo "Setting up .venv: a few minutes, once."
	.venv/bin/python -m pip install -c requirements.lock torch
	.venv/bin/python -m pip install -qq -c requirements.lock -e '.[dev,lessons]'
	@touch $@ && rm .venv.unfinished
