# `make` alone explains itself. Every command works on a fresh machine with Python 3.11+, pip, git and make.
PYTHON ?= python3

.DEFAULT_GOAL := help
.PHONY: help run test test-long check bench

help:
	@echo "make run     start the whole system on this machine and send a sample study through it (stop: Ctrl-C)"
	@echo "             settings: PORT=8080 DIMSE_PORT=11112 AWS_PORT=4566 STATE_DIR=.local QUIET_SECONDS=5 SAMPLE=yes"
	@echo "make test    everything the project checks, the running system included"
	@echo "make check   the quick part of it: style, types, import rules"
	@echo "make test-long  proofs that take longer: 2 GB through the gateway, a study of 20,000 instances deleted,"
	@echo "                and every property with examples that no run has seen"
	@echo "make bench   rates beside bare S3 and DynamoDB calls; OPTIONS=--help tells more"
	@echo
	@echo "The first of them makes .venv; PYTHON=python3.12 chooses the Python it is made from."

run:
	@$(PYTHON) infra/environment.py infra local
	@exec .venv/bin/python -m infra.local

test: check
	@.venv/bin/python -m pytest -n 3 --no-loadscope-reorder

test-long:
	@$(PYTHON) infra/environment.py infra local test
	@.venv/bin/python -m pytest tests/unit -m hypothesis --hypothesis-profile=random --timeout=3600
	@.venv/bin/python -m pytest tests/long --hypothesis-profile=random --timeout=3600

bench:
	@$(PYTHON) infra/environment.py infra local test
	@exec .venv/bin/python -m tests.bench $(OPTIONS)

check:
	@$(PYTHON) infra/environment.py infra local test
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
