# Thin: each target makes the virtual environment if it must, then calls one command.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test prove mutations bench chaos lock

demo: .venv/ready        ## the whole system, with sample stories going round; ONCE=1 ends after the loop
	@$(BIN)/python -m deploy.local

test: .venv/ready        ## every check and test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python -m pytest -m "not prove" --numprocesses 2 --dist loadgroup

prove: .venv/ready       ## what takes longer: mutations, many more random runs, demos that must fail
	$(BIN)/python -m pytest -m prove --numprocesses 2 --dist loadgroup

mutations: .venv/ready   ## each guarantee is broken once, and its tests must turn red
	$(BIN)/python -m pytest -m prove tests/mutations

bench: .venv/ready       ## how fast, against a naive chain in the same run
	$(BIN)/python -m tests.bench

chaos: .venv/ready       ## KILLS=200 SEED=…: faults while a ledger is kept, then the checker
	$(BIN)/python -m tests.chaos $(if $(KILLS),--kills $(KILLS)) $(if $(SEED),--seed $(SEED))

lock: .venv/ready        ## pins everything anew, with hashes and without addresses
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header --quiet --output-file requirements.lock

.venv/ready: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@echo "Installing the locked packages into .venv …"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@touch $@
