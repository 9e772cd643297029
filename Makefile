# The only verbs a newcomer needs: setup, run, test, check, bench.
#
#   make run                          the server, on http://127.0.0.1:8000
#   PORT=9000 MODELS_DIR=/srv/models make run
#   CONFIG=config.yaml make run       settings from a file (config.example.yaml)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MODELS_DIR ?= $(HOME)/models

.PHONY: setup run test-models test test-appliance test-webui conformance check docs bench bench-rag bench-schemas lock clean
.DEFAULT_GOAL := run

# The newest of these stamps says what is installed; a changed lock installs again.
$(VENV)/run.stamp: requirements.lock
	@$(PYTHON) scripts/check_python.py
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the server's packages ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock $(VENV)/run.stamp
	@echo "Installing the test tools ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.lock
	@touch $@

setup: $(VENV)/run.stamp
	@$(BIN)/python scripts/place_model.py "$(MODELS_DIR)"
	@$(BIN)/python -m scripts.place_embedder --with-default "$(MODELS_DIR)"

run: setup
	@RKLLM_MODELS_DIR="$(MODELS_DIR)" \
		$(if $(HOST),RKLLM_HOST="$(HOST)") $(if $(PORT),RKLLM_PORT="$(PORT)") $(if $(CONFIG),RKLLM_CONFIG="$(CONFIG)") \
		exec $(BIN)/python -m services

# The tests use a copy of the default models of their own, so that they do not depend on what MODELS_DIR holds.
test-models: $(VENV)/dev.stamp
	@$(BIN)/python scripts/place_model.py .cache/models
	@$(BIN)/python -m scripts.place_embedder .cache/models

test: test-models
	@$(BIN)/python -m pytest $(ARGS)

# The soak tests for ten minutes instead of a few seconds each: engines that crash in every way, clients that leave.
.PHONY: soak
soak: test-models
	@SOAK_SECONDS=85 $(BIN)/python -m pytest -o timeout=600 tests/contract/test_soak.py tests/live/test_soak.py $(ARGS)

# The whole stack on a Docker daemon; one is started, and ended, where none runs. Skipped with one line where that cannot be.
test-appliance: test-models
	@tests/stack/run.sh $(ARGS)

# Open WebUI itself in front of the server, and a browser in front of it. Skipped with one line where it cannot be had.
test-webui: test-models
	@tests/webui/run.sh $(ARGS)

# The fast tests run here once more to measure how much of the code they reach, branches and the engines' child processes
# included; the bar is in pyproject.toml. What runs only under gunicorn is reached by the others. The one that measures CPU
# time is left out: measuring what is reached takes as much again.
check: test-models
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/zizmor --offline --quiet .github
	scripts/check_monitoring.sh
	$(BIN)/python -m pytest -q tests/unit tests/http tests/appliance tests/contract/test_engines.py tests/contract/test_faults.py \
		--ignore=tests/unit/test_event_loop.py --cov --cov-report=term

# Writes config.example.yaml and the tables of docs/configuration.md from services/core/settings_fields.py.
docs: $(VENV)/run.stamp
	@$(BIN)/python -m scripts.settings_docs

bench: test-models
	@$(BIN)/python -m bench $(ARGS)

# How well the pipeline for sources picks what a question needs (docs/rag.md).
bench-rag: $(VENV)/dev.stamp
	@$(BIN)/python -m bench.rag
	@$(BIN)/python -m bench.asked_rows
	@$(BIN)/python -m bench.aims

# What becomes of many schemas on the CPU engine with the real model; fails if one is broken in silence.
bench-schemas: test-models
	@$(BIN)/python -m bench.schemas $(ARGS)

# Foreign clients and suites, in environments of their own; the results go to docs/conformance.md.
conformance: test-models $(VENV)-conformance/stamp $(VENV)-conformance/sources.stamp
	@$(BIN)/python -m tests.conformance $(ARGS)

$(VENV)-conformance/stamp: tests/conformance/requirements.lock
	@$(PYTHON) -m venv $(VENV)-conformance
	@$(VENV)-conformance/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

# The tests of other projects, out of their source packages.
SOURCES := $(VENV)-conformance/sources
$(VENV)-conformance/sources.stamp: tests/conformance/sources.lock $(VENV)-conformance/stamp
	@rm -rf $(SOURCES) && mkdir -p $(SOURCES)/openai $(SOURCES)/llama.cpp
	@$(VENV)-conformance/bin/python -m pip download --quiet --disable-pip-version-check --require-hashes --no-deps \
		--no-binary openai,llama-cpp-python --dest $(SOURCES) -r $<
	@tar -xzf $(SOURCES)/openai-*.tar.gz -C $(SOURCES)/openai --strip-components=1 --wildcards '*/tests'
	@tar -xzf $(SOURCES)/llama_cpp_python-*.tar.gz -C $(SOURCES)/llama.cpp --strip-components=5 \
		--wildcards '*/vendor/llama.cpp/tools/server/tests'
	@rm $(SOURCES)/*.tar.gz
	@touch $@

# For maintainers: pins what pyproject.toml asks for, for every platform, with hashes and without any host.
lock: $(VENV)/dev.stamp
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-annotate --no-header \
		pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-annotate --no-header \
		-c requirements.lock --group dev pyproject.toml -o requirements-dev.lock
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-annotate --no-header \
		tests/conformance/requirements.in -o tests/conformance/requirements.lock
	$(BIN)/uv pip compile -q --no-deps --no-binary :all: --generate-hashes --python-version 3.11 --no-annotate --no-header \
		-c tests/conformance/requirements.lock tests/conformance/sources.in -o tests/conformance/sources.lock
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.13 --no-annotate --no-header \
		tests/conformance/homeassistant.in -o tests/conformance/homeassistant.lock

clean:
	rm -rf $(VENV) $(VENV)-conformance $(VENV)-homeassistant .cache .mypy_cache .ruff_cache .pytest_cache .coverage*
