# paperworks: the two commands are `make run` and `make test`; `make help` lists the others.
PYTHON ?= python3
TORCH ?= torch==2.13.0
PAPER ?= rezero
PAGES ?=
PORT ?= 7474
QUERY ?= deep networks that train without normalisation
BIN := .venv/bin

run: .venv/ready ## import PAGES="…", then open the index at http://127.0.0.1:PORT (7474)
	$(if $(PAGES),$(BIN)/paperworks import $(PAGES))
	$(BIN)/paperworks serve --port $(PORT)

paper: .venv/ready ## search for QUERY="…", run the claims of PAPER=… here and draw them
	$(BIN)/paperworks search "$(QUERY)" -k 5
	$(BIN)/paperworks run $(PAPER) --out out

test: ## everything that must pass before a change lands
	$(MAKE) --jobs=2 check suite

suite: .venv/ready .postgres .chromium ## the tests, three at a time: many wait for processes
	$(BIN)/pytest -n 3 --dist worksteal

check: .venv/ready ## format, lint and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright

parity: ## compare our networks with torchvision and timm in an environment of their own
	PYTHON="$(PYTHON)" TORCH="$(TORCH)" tests/parity/run.sh

bench: .venv/ready ## ratios to the peers, one JSON line each
	for file in benchmarks/*.py; do $(BIN)/python $$file || exit 1; done

dist: .venv/ready ## the wheel and the source archive
	$(BIN)/python -m build

site: .venv/ready ## the whole catalog and ledger, and the guides, as a static site in out/site
	$(BIN)/paperworks report --out out/site

.venv/ready: pyproject.toml | .venv/bin/pip
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet "$(TORCH)"
	$(BIN)/pip install --quiet --editable ".[lab,hub,postgres,ray,speed]" --group dev
	touch $@

.venv/bin/pip:
	$(PYTHON) -m venv .venv || { .ci/apt.sh $(notdir $(PYTHON))-venv && $(PYTHON) -m venv --clear .venv; }

# one after the other: Debian installs for one at a time
.postgres: | .venv/bin/pip
	.ci/postgres.sh

.chromium: | .postgres
	command -v chromium >/dev/null || .ci/apt.sh chromium

clean: ## remove what the above made
	rm -rf .venv .venv-parity .venv-bench out build dist

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

.PHONY: run paper test suite check parity bench dist site clean help .postgres .chromium
.DEFAULT_GOAL := help
