PYTHON ?= python3

.PHONY: setup app test test-slow test-gpu test-crash lint bench-read bench-plugin bench-library

setup:  ## install what the reader and its tests need into the current environment
	$(PYTHON) -m pip install -r requirements-test.txt

app:  ## start the browser app
	$(PYTHON) app.py

test:  ## the tests that run on every change
	$(PYTHON) -m pytest

test-slow:  ## real books and the bundled decoder, minutes
	$(PYTHON) -m pytest -m slow

test-gpu:  ## the plug-in on a CUDA device
	$(PYTHON) -m pytest -m gpu

test-crash:  ## two hundred kills at random moments
	$(PYTHON) -m pytest -m slow tests/test_crash.py

lint:
	ruff check . && ruff format --check . && mypy

bench-read:  ## reading against plain passes, and memory while reading; BOOK=file for a long one
	$(PYTHON) -m bench.reading $(BOOK)

bench-plugin:  ## the plug-in against its floor and its peers
	$(PYTHON) -m bench.plugin

bench-library:  ## attaching, listing, searching
	$(PYTHON) -m bench.library
