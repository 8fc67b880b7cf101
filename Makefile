PYTHON ?= python3
MINUTES ?= 20

.DEFAULT_GOAL := help

.PHONY: help docs setup app test test-slow test-gpu test-crash soak audit lint bench-read bench-plugin bench-library bench-app bench-question bench-batch bench-train bench-precision bench-gpu evaluate evaluate-lm evaluate-long evaluate-hidden evaluate-qa bench-peers bench-presses bench-condensers bench-attention

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## */\1\t/p' $(MAKEFILE_LIST) | expand -t 20

docs:  ## update the commands' help in docs/shell.md and the module list in docs/architecture.md
	PYTHONPATH=. $(PYTHON) -m cogapp -r docs/shell.md docs/architecture.md

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

soak:  ## two people on one server, every byte searched for the other's; MINUTES=20
	PYTHONPATH=.:tests $(PYTHON) -m soak --minutes $(MINUTES)

audit:  ## known faults of the pinned packages, by the public lists; needs pip-audit and a network that reaches them
	$(PYTHON) -m pip_audit --requirement requirements.txt --no-deps --disable-pip --strict

lint:  ## ruff and mypy
	ruff check . && ruff format --check . && mypy

bench-read:  ## reading against plain passes, and memory while reading; BOOK=file for a long one
	$(PYTHON) -m bench.reading $(BOOK)

bench-gpu:  ## reading, saving, attaching and decoding on a CUDA device, as shares of its matrix rate
	$(PYTHON) -m bench.gpu

bench-plugin:  ## the plug-in compared with its lower bound and with plain transformers
	$(PYTHON) -m bench.plugin

bench-library:  ## attaching, listing, searching
	$(PYTHON) -m bench.library

bench-app:  ## the app with a thousand documents compared with ten
	$(PYTHON) -m bench.app

bench-question:  ## a question's way through the page: Enter to the first sign of work, Stop to the next question
	$(PYTHON) -m bench.question

bench-train:  ## training compared with forward and backward passes without weight gradients
	$(PYTHON) -m bench.train

bench-attention:  ## attention of many tokens by the compiled loop and by torch
	$(PYTHON) -m bench.attention

bench-precision:  ## int8 weights against float32
	$(PYTHON) -m bench.precision

bench-peers:  ## the reader beside llama.cpp and transformers: reading, decoding, saving, asking again
	$(PYTHON) -m bench.peers

bench-condensers:  ## what reading by each condenser takes, beside beacons
	$(PYTHON) -m bench.condensers

bench-presses:  ## the memory beside kvpress on the same decoder and books; BOOKS=folder
	$(PYTHON) -m bench.presses $(BOOKS)

bench-batch:  ## many questions together compared with one by one
	$(PYTHON) -m bench.batch $(BOOK)

# What is remembered, measured. By the reading speed about five hours on two CPU cores: lm 1, long 1, hidden 1, qa 2.
# Enlarge it with BOOKS=30 QUESTIONS=200 REPEATS=4, measure another plug-in with EVALUATE_FLAGS="--plugin FOLDER".
DATA ?= ../shared/data
RESULTS ?= results
BOOKS ?= 8
QUESTIONS ?= 40
REPEATS ?= 1
EVALUATE_FLAGS ?=
EVALUATE = $(PYTHON) -m reader evaluate
EVAL_BOOKS = --books $(DATA)/books-eval.tar.xz

evaluate: evaluate-lm evaluate-long evaluate-hidden evaluate-qa  ## how much memories keep, compared with other methods; needs DATA

evaluate-lm:  ## loss in the last window of books, by ratio
	$(EVALUATE) lm $(EVAL_BOOKS) --context 2048 4096 8192 --ratio 2 4 8 32 --limit $(BOOKS) --full-tokens 8192 \
		--strategies sliding-window sliding-window-2 full self-extend beacon beacon-swapped \
		--output $(RESULTS)/lm $(EVALUATE_FLAGS)

evaluate-long:  ## a context a hundred times the window, and the cost of the reading horizon
	$(EVALUATE) lm $(EVAL_BOOKS) --context 8192 32768 131072 409600 --same-target --scored-windows 8 --ratio 64 \
		--limit $(REPEATS) --strategies sliding-window sliding-window-2 full beacon \
		--full-tokens 32768 --output $(RESULTS)/long $(EVALUATE_FLAGS)
	$(EVALUATE) lm $(EVAL_BOOKS) --context 32768 --ratio 8 --horizon 256 1024 4096 --limit $(REPEATS) \
		--strategies sliding-window beacon --output $(RESULTS)/horizon $(EVALUATE_FLAGS)

evaluate-hidden:  ## pass key, needle and topic, by length and depth
	$(EVALUATE) passkey $(EVAL_BOOKS) --context 2048 4096 8192 16384 32768 --limit $(REPEATS) \
		--output $(RESULTS)/passkey $(EVALUATE_FLAGS)
	$(EVALUATE) needle $(EVAL_BOOKS) --context 2048 8192 32768 --depth 0 0.5 1 --limit $(REPEATS) \
		--output $(RESULTS)/needle $(EVALUATE_FLAGS)
	$(EVALUATE) topic $(EVAL_BOOKS) --context 2048 8192 32768 --limit $(REPEATS) --output $(RESULTS)/topic $(EVALUATE_FLAGS)

evaluate-qa:  ## questions on passages hidden in books, on whole books, and on the long documents of L-Eval
	$(EVALUATE) qa --questions $(DATA)/qa/dev/squad_v2.jsonl.gz $(EVAL_BOOKS) --limit $(QUESTIONS) \
		--output $(RESULTS)/squad $(EVALUATE_FLAGS)
	$(EVALUATE) qa --questions $(DATA)/qa/dev/fairytaleqa.jsonl.gz $(EVAL_BOOKS) --limit $(QUESTIONS) \
		--output $(RESULTS)/fairytaleqa $(EVALUATE_FLAGS)
	$(EVALUATE) qa --questions $(DATA)/qa/dev/narrativeqa.jsonl.gz --books $(DATA)/books-qa.tar.xz --limit $(QUESTIONS) \
		--output $(RESULTS)/narrativeqa $(EVALUATE_FLAGS)
	$(EVALUATE) longbench --questions $(wildcard $(DATA)/qa/dev/leval_*.jsonl.gz) --limit 5 \
		--output $(RESULTS)/leval $(EVALUATE_FLAGS)
