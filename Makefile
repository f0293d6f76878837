# Everything a user or developer types. Each target sets up what it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PROMPT ?= red mug on a wooden table, sunset
PHOTO ?= examples/photos/mug.png
SAMPLE ?= 200
# A file's tests stay together, so that what they share is made once.
PARALLEL := -n auto --dist loadfile

.PHONY: shot test coverage mutants check lint format hooks bench docs pin-images clean

## make shot: install, then render PHOTO into a scene (the main job)
shot: $(VENV)/.installed
	$(BIN)/python run.py --input_path "$(PHOTO)" --prompt "$(PROMPT)"
	@command -v prodgen >/dev/null || echo 'next      . $(BIN)/activate    (puts the command prodgen on your path)'

## make test: install with what the tests need, then run them
test: $(VENV)/.developing
	$(BIN)/pytest $(PARALLEL)

## make coverage: the tests once more, with the branches they reach, and the floor below which CI fails
coverage: $(VENV)/.developing
	$(BIN)/pytest $(PARALLEL) --cov --cov-report=term

## make mutants: break the code on purpose, and name the changes that no test notices
mutants: $(VENV)/.developing
	$(BIN)/pytest $(PARALLEL) --cov --cov-context=test --cov-report= --junitxml=junit.xml
	$(BIN)/python benchmarks/mutation/mutants.py --sample $(SAMPLE)

## make docs: the documentation as a site in site/, every link checked
docs: $(VENV)/.documenting
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

## make hooks: run the checks of `make lint` on what you commit, before each commit
hooks: $(VENV)/.developing
	$(BIN)/pre-commit install

## make check: format, lint, types, layers, tests
check: lint test

lint: $(VENV)/.developing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.developing
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

## make bench: time and memory against named alternatives
bench: $(VENV)/.developing
	$(BIN)/python benchmarks/client.py
	$(BIN)/python benchmarks/stages.py
	$(BIN)/python benchmarks/large_photos.py

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.developing: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@ $(VENV)/.installed

$(VENV)/.documenting: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable ".[docs]"
	touch $@

## make pin-images: write the digest of today's base image into .env
pin-images:
	deploy/pin_images.sh

clean:
	rm -rf $(VENV) dist build outputs site htmlcov .coverage junit.xml .mypy_cache .ruff_cache .pytest_cache .hypothesis
