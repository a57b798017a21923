# Every target sets itself up. It needs only Python 3.11 or newer, make and the package registries.
# If npm is installed, it installs what keeps the local store's rows on disk.
PYTHON := $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
READY := .venv/.ready
SCANNER := .venv-infra/.ready
SAM := .venv-sam/.ready
CONTRACT := .venv-contract/.ready
# The Python that the template's functions run on, if it is installed.
BUNDLE_PYTHON ?= $(shell python3.13 -c "" 2>/dev/null && echo python3.13 || echo $(PYTHON))
TEMPLATES := infra/template.yaml infra/dashboard.yaml infra/function-alarms.yaml

JOBS ?= 2
PORT ?= 8080
DATA ?= .local

# The tests that run against a deployed store: the API line by line, who may use it, many clients at once, push,
# reclaim, the demo's whole story. At the end: whether all that it holds agrees, and what only a deployment can show.
BLACK_BOX := $(patsubst %,tests/%.py,access/test_rights api/test_bad_input api/test_objects api/test_form_data \
	api/test_payloads api/test_flags api/test_folders api/test_copies api/test_preferences search/test_root \
	search/test_objects sync/test_changes sync/test_listing sync/test_restart_tokens sync/test_device sync/test_concurrency sync/test_histories)
# These tests need the store to call them back, or look into the emulator.
CALLED_BACK := $(patsubst %,tests/%.py,push/test_subscriptions push/test_push push/test_push_replay push/test_push_interest \
	sync/test_interest requests/test_bulk store/test_reclaim ops/test_import docs/test_story access/test_cors \
	access/test_browser access/test_caching)
# What only a deployment can show, and what takes longest: the other core begins with the rest.
SLOWEST := tests/local/test_deployment.py

.PHONY: demo quick test test-deployed test-aws serve deploy-local import lint docs format bench scale bundle browser pictures clients fuzz clean
.DEFAULT_GOAL := demo

demo: $(READY)
	@exec $(BIN)/python -m infra.demo $(if $(BACKUP),"$(BACKUP)")

# The same test functions, as far as moto supports them. The store runs inside the test's own process, one on
# each core: no server, no network.
quick: $(READY)
	@exec $(BIN)/pytest --quick --numprocesses $(JOBS) --dist worksteal

test: $(READY)
	@exec $(BIN)/pytest --numprocesses $(JOBS) --dist worksteal

# The same tests against the template as SAM deploys it, in another region: this shows what holds in the first only.
test-deployed: $(READY) $(SAM)
	@AWS_DEFAULT_REGION=us-east-1 SAM_CLI_TELEMETRY=0 .venv-sam/bin/sam validate --lint --template-file infra/template.yaml
	@AWS_REGION=eu-central-1 exec $(BIN)/pytest --deployed --numprocesses $(JOBS) --dist loadscope --no-loadscope-reorder $(SLOWEST) $(BLACK_BOX) $(CALLED_BACK)

# The same tests, except those that must be called back, against a throw-away stack in the current AWS account.
test-aws: $(READY) $(SAM)
	@test -n "$(STACK)" || { echo "make test-aws STACK=a-name-that-is-free"; exit 1; }
	@SAM_CLI_TELEMETRY=0 exec infra/pipeline/on_aws.sh "$(STACK)" $(BLACK_BOX)

serve: $(READY)
	@PORT="$(PORT)" DATA="$(DATA)" exec $(BIN)/python -m infra.local $(foreach one,$(PARAMETERS),--parameter '$(one)')

deploy-local: $(READY) $(SAM)
	@PATH="$(CURDIR)/$(BIN):$$PATH" PORT="$(PORT)" DATA="$(DATA)" exec $(BIN)/python -m infra.local --deployed $(foreach one,$(PARAMETERS),--parameter '$(one)')

import: $(READY)
	@exec $(BIN)/onecopy import "$(FILE)" --box "$(BOX)" $(if $(URL),--url "$(URL)")

lint: $(READY) .venv-infra/.checked
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { echo "not formatted: run make format"; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/python -m infra.docs

# The tables of the documentation that repeat the code, made from it.
docs: $(READY)
	@exec $(BIN)/python -m infra.docs --write

format: $(READY)
	@$(BIN)/ruff check --quiet --fix . && $(BIN)/ruff format --quiet .

bench: $(READY)
	@exec $(BIN)/python -m infra.bench $(if $(BACKUP),"$(BACKUP)")

# What a month costs and what breaks first, from 10,000 to 10 million users. No stack is started.
scale: $(READY)
	@exec $(BIN)/python -m infra.scale

# Checks that what Lambda gets answers every event, on a Python without any other package.
bundle: $(READY)
	@$(BIN)/python -m infra.aws.bundle.build build/bundle $(BUNDLE_PYTHON)
	@BUNDLE="$(CURDIR)/build/bundle" $(BIN)/pytest tests/aws/test_events.py

# Finds a Chromium for the tests in a browser, or installs Debian's, if that is allowed.
browser: $(READY)
	@$(BIN)/python tests/clients/browser.py || { test "$$(id -u)" = 0 && export DEBIAN_FRONTEND=noninteractive && apt-get -qq update \
		&& apt-get -qq install --yes --no-install-recommends chromium-headless-shell >/dev/null </dev/null; } \
		|| echo "there is no Chromium, and none could be installed: the tests in a browser are skipped"

# Mermaid's parser, for the test that the documentation's pictures can be drawn.
pictures: .venv/pictures/.ready
.venv/pictures/.ready: $(READY) $(wildcard infra/docs/pictures/*.json)
	@mkdir -p .venv/pictures && cp infra/docs/pictures/*.json .venv/pictures
	@(cd .venv/pictures && npm ci --no-audit --no-fund --loglevel=error >/dev/null 2>npm.log </dev/null && touch .ready) \
		|| echo "there is no Mermaid, and none could be installed: the test of the pictures is skipped"

# Client libraries made from the contract, below build/clients: Kotlin, Swift and TypeScript. Needs Java, and Node.
clients: $(READY) $(CONTRACT)
	@exec $(BIN)/python -m infra.contract.clients build/clients

# Random requests to a running store, made from the contract. SEED makes them the same again.
fuzz: $(READY) $(CONTRACT)
	@exec $(BIN)/python -m infra.contract.fuzz $(if $(SEED),--seed "$(SEED)")

clean:
	@rm -rf .venv .venv-infra .venv-sam .venv-contract .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist *.egg-info functions/*.egg-info

# The templates are checked again only when they or the rules have changed.
.venv-infra/.checked: $(READY) $(SCANNER) $(TEMPLATES) $(wildcard infra/aws/lint/*.* infra/aws/lint/rules/*.py)
	@$(BIN)/cfn-lint --append-rules infra/aws/lint/rules --template infra/template.yaml
	@$(BIN)/cfn-lint infra/dashboard.yaml infra/function-alarms.yaml infra/pipeline/issuer.yaml
	@.venv-infra/bin/checkov --config-file infra/aws/lint/checkov.yaml --file $(TEMPLATES) >$@ || { cat $@; rm $@; exit 1; }

$(SCANNER): infra/aws/lint/requirements.txt
	@echo "setting up .venv-infra, once (about a minute)"
	@$(PYTHON) -m venv .venv-infra
	@.venv-infra/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

$(SAM): infra/aws/sam.txt
	@echo "setting up .venv-sam, once (about a minute)"
	@$(PYTHON) -m venv .venv-sam
	@.venv-sam/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

$(CONTRACT): infra/contract/requirements.txt $(wildcard infra/contract/typescript/*.json)
	@echo "setting up .venv-contract, once (about a minute)"
	@$(PYTHON) -m venv .venv-contract
	@.venv-contract/bin/pip install --quiet --disable-pip-version-check -r $<
	@mkdir -p .venv-contract/typescript && cp infra/contract/typescript/*.json .venv-contract/typescript
	@(cd .venv-contract/typescript && npm ci --no-audit --no-fund --loglevel=error >/dev/null 2>npm.log </dev/null) \
		|| echo "without npm's TypeScript: the TypeScript client is not compiled"
	@touch $@

$(READY): pyproject.toml functions/requirements.txt $(wildcard infra/local/emulator/*.json)
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and was not found"; exit 1; }
	@echo "setting up .venv, once (about a minute)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@mkdir -p .venv/emulator && cp infra/local/emulator/*.json .venv/emulator
	@(cd .venv/emulator && npm ci --no-audit --no-fund --loglevel=error >/dev/null 2>npm.log </dev/null) \
		|| echo "without npm's dynoxide: the local store keeps its rows in memory"
	@touch $@
