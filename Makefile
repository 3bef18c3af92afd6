# rebootless.patching: `make demo` shows it, `make test` tests it. `make help` lists the rest.
SHELL := /bin/sh
.DEFAULT_GOAL := help
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/build/collections
export PYTHONPATH := $(CURDIR)/build/collections
BIN := .venv/main/bin
PYTEST := $(BIN)/python -m pytest -q
# In the order of conftest.py, the files that take longest first.
SIDE_BY_SIDE := -n 2 --dist loadfile --no-loadscope-reorder

# Every target is a name, never a file.
.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*/\1/p' $(firstword $(MAKEFILE_LIST)))

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{sub(/:.*/, "", $$1); printf "  make %-16s %s\n", $$1, $$2}'

env-run:
	@python=$$(tools/find-python) && "$$python" tools/bootstrap.py main run

env-test:
	@python=$$(tools/find-python) && "$$python" tools/bootstrap.py main run test

env-oldest:
	@python=$$(tools/find-python 3.11) && "$$python" tools/bootstrap.py oldest oldest

env-between:
	@python=$$(tools/find-python 3.12) && "$$python" tools/bootstrap.py between units

env-next:
	@python=$$(tools/find-python 3.13) && "$$python" tools/bootstrap.py next next

env-importer:
	@python=$$(tools/find-python) && "$$python" tools/bootstrap.py importer importer

env-docs:
	@python=$$(tools/find-python 3.13 2>/dev/null || tools/find-python 3.12) && "$$python" tools/bootstrap.py docs docs

demo: env-run ## Status of twelve simulated hosts, then one Patch Tuesday of ten others, with the reports of both
	@$(BIN)/python tools/demo.py

test: lint units fleet ## Lint, unit tests, and the tests on simulated hosts

lint: env-test ## ruff, mypy (strict on the core), yamllint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	cd build/collections && ../../$(BIN)/mypy --config-file ../../pyproject.toml -p ansible_collections.rebootless.patching.plugins.plugin_utils
	$(BIN)/yamllint -s .

units: env-test ## Unit tests
	$(PYTEST) $(SIDE_BY_SIDE) tests/unit

fleet: env-test ## Tests on simulated hosts, PowerShell executed
	$(PYTEST) $(SIDE_BY_SIDE) tests/fleet

awx: awx-check ## The content for AWX: seeded mistakes, and applied to a simulated AWX and removed
	$(PYTEST) tests/awx

awx-check: env-test ## The content for AWX held against awx.awx, the server's rules, and our own options
	$(BIN)/python tools/awx_check.py

browser: env-test ## The HTML report in a headless Chromium
	$(PYTEST) tests/browser

collection-lint: env-test ## ansible-lint, profile production
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/ansible-lint --profile production --offline --strict
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/ansible-lint --profile production --offline --strict $(wildcard extensions/awx/*.yml extensions/awx/tasks/*.yml extensions/awx/project/*.yml)

sanity: env-test ## ansible-test sanity, validate-modules on the PowerShell modules included
	tools/sanity $(BIN)/python

docs-lint: env-test ## antsibull-docs and changelog lint
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs all .
	$(BIN)/antsibull-changelog lint

docs-check: env-test ## Links, code blocks and generated pages of the documentation, and licence headers
	PATH="$(CURDIR)/$(BIN):$$PATH" $(PYTEST) tests/docs

docs-site: env-docs ## The documentation as a site in build/docsite/html; a warning is an error
	.venv/docs/bin/python tools/docs_site.py

role-docs: env-test ## READMEs of the roles, reasons and states anew from the code
	$(BIN)/python tools/role_docs.py
	$(BIN)/python tools/make_reasons.py
	$(BIN)/python tools/make_states.py

first-run: env-run ## The page of the first run followed literally in a fresh clone
	$(BIN)/python tools/follow_first_run.py

release: env-test env-importer ## Build a release and try it: make release VERSION=x.y.z [DRY=1]
	$(BIN)/python tools/release.py $(if $(DRY),--dry-run) "$(VERSION)"

importer: env-test env-importer ## galaxy-importer on the built artifact
	tools/import-check

coverage: env-test ## Every line of every .ps1 executed, measured by ansible-core's own coverage wrapper
	$(BIN)/python tools/powershell_coverage.py

units-between: env-between ## Unit tests of the core on Python 3.12
	.venv/between/bin/python -m pytest -q $(SIDE_BY_SIDE) -m "not hypothesis" tests/unit/plugins/plugin_utils

oldest: env-test env-oldest ## Unit tests, a status of the scenario library, and every playbook once, with the oldest supported ansible-core
	.venv/oldest/bin/python -m pytest -q $(SIDE_BY_SIDE) --hypothesis-profile few tests/unit/plugins
	REBOOTLESS_CONTROLLER=$(CURDIR)/.venv/oldest/bin $(PYTEST) $(SIDE_BY_SIDE) -k "not executors" tests/fleet/test_status.py tests/fleet/test_present.py

next: env-test env-next ## Every playbook once, with the newest prerelease of ansible-core
	REBOOTLESS_CONTROLLER=$(CURDIR)/.venv/next/bin $(PYTEST) $(SIDE_BY_SIDE) tests/fleet/test_present.py

lock: env-test ## requirements/*.txt anew from requirements/*.in: all that is pulled in, with hashes
	tools/lock

attack: env-test env-oldest ## Hosts that lie, broken answers, secrets: with the newest and the oldest supported ansible-core
	$(PYTEST) $(SIDE_BY_SIDE) tests/attack
	.venv/oldest/bin/python -m pytest -q $(SIDE_BY_SIDE) --ignore tests/attack/test_attack_plays.py tests/attack
	REBOOTLESS_CONTROLLER=$(CURDIR)/.venv/oldest/bin $(PYTEST) tests/attack/test_attack_plays.py

mutants: env-test ## Mutation testing of the core; survivors are listed with the reason why each is harmless
	$(BIN)/python tools/mutants.py

powershell-mutants: env-test ## Hand-made mutations of the collector's PowerShell, each of which must turn a test red
	$(BIN)/python tools/powershell_mutants.py

bench: env-test ## Time of a status for 12, 50 and 200 simulated hosts beside win_ping
	$(BIN)/python tests/performance/bench_status.py

faults: env-test ## The fault table of the monthly run, played and printed
	$(BIN)/python tests/fleet/test_monthly_faults.py

campaign: env-test ## The fault campaign: named faults, random hosts, planted bugs; hours, so CAMPAIGN="--named --only 'drain-*'" plays a part
	cd tests/fleet && ../../$(BIN)/python -m campaign $(CAMPAIGN)

bench-restarts: env-test ## Restarts per host-year over the real release history: our policy, monthly win_updates, the best possible
	$(BIN)/python tests/performance/bench_restarts.py

bench-makespan: env-test ## Time of a rolling run beside serial of the same limit, and beside the least possible; wants a quiet machine
	$(BIN)/python tests/performance/bench_makespan.py

long: env-test ## Kills, two hundred hosts, two quarters, domains, every row of the tables: what CI has no time for
	$(BIN)/python tools/follow_first_run.py
	REBOOTLESS_LIMIT=3600 $(PYTEST) -s $(wildcard tests/fleet/long_*.py)
	REBOOTLESS_LONG=1 tools/sanity $(BIN)/python
	REBOOTLESS_LONG=1 $(PYTEST) $(SIDE_BY_SIDE) $(shell grep -lwE 'LONG|nearest' tests/fleet/test_*.py)

clean: ## Remove everything generated
	rm -rf .venv build tests/output mutants rebootless-status rebootless-plan rebootless-run .mypy_cache .ruff_cache .pytest_cache .hypothesis
