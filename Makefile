# What one types here. `make help` lists it; every target first makes what it needs.
#
# .venv         all that work on the code needs, at the versions of constraints.txt
# .venv-oldest  the oldest SDKs that pyproject.toml admits, at the versions of constraints-oldest.txt
# .build/frameworks  litellm and the frameworks on top of the SDKs, at the versions of constraints-frameworks.txt

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
JOBS ?= 3
ARGS ?=

VENV := .venv
OLDEST := .venv-oldest
FRAMEWORKS := .build/frameworks
BIN := $(VENV)/bin
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
PINS := pyproject.toml constraints.txt
GO := $(or $(shell command -v go),/usr/local/go/bin/go)

## demo: run a small real app against a simulated provider and show what each feature cost
.PHONY: demo
demo: $(VENV)/.demo
	@$(BIN)/llmcost demo $(ARGS)

## test: run the tests; ARGS="-k name" picks some
.PHONY: test
test: $(VENV)/.dev
	@$(BIN)/pytest -n $(JOBS) --dist loadfile -m 'not long' $(ARGS)

## test-long: run what `make test` leaves out: the store's tests on a server too, other people's libraries, kills, silent months
.PHONY: test-long
test-long: $(VENV)/.dev
	@$(BIN)/pytest -n $(JOBS) --dist worksteal -m long $(ARGS)

## test-oldest: run the tests of instrumentation and attribution on the oldest packages that we admit
.PHONY: test-oldest
test-oldest: $(OLDEST)/.test
	@$(OLDEST)/bin/pytest -n $(JOBS) --dist loadfile -m 'not long' tests/instrument tests/unit/test_attribution*.py tests/unit/test_decorate.py $(ARGS)

## test-frameworks: run the tests of litellm and of the frameworks on top of the SDKs
.PHONY: test-frameworks
test-frameworks: $(FRAMEWORKS)/.test
	@$(FRAMEWORKS)/bin/pytest -n $(JOBS) -o filterwarnings=default tests/frameworks $(ARGS)

## lint: check format, rules, types, floors and sizes
.PHONY: lint
lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest --quiet tests/unit/test_tidy.py

## fmt: format the code
.PHONY: fmt
fmt: $(VENV)/.dev
	$(BIN)/ruff format .

## fix: format the code and repair what the linter can
.PHONY: fix
fix: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

## types: check the types
.PHONY: types
types: $(VENV)/.dev
	$(BIN)/mypy

## bench: measure what we cost, beside others, in the same run
.PHONY: bench
bench: $(VENV)/.dev
	@$(BIN)/python -m tests.bench $(ARGS)

## crash: kill collectors and the store while calls are sent, and compare every sum; ARGS="--seed 7" repeats one
.PHONY: crash
crash: $(VENV)/.dev
	@$(BIN)/python -m tests.collector.crash $(ARGS)

## fuzz: send a million damaged requests through the collector's parts; ARGS="--cases 10000 --seed 7"
.PHONY: fuzz
fuzz: $(VENV)/.dev
	@$(BIN)/python -m tests.collector.fuzz $(ARGS)

## peers: build what others read and send with, for the tests, as far as Go and npm are here
.PHONY: peers
peers:
	@if command -v $(GO) >/dev/null; then $(MAKE) .build/peers/otelcol .build/peers/go-client .build/peers/deploy-checker; \
	else echo 'Go is not here: no OpenTelemetry Collector, no Go client, no check of what is deployed'; fi
	@if command -v npm >/dev/null; then $(MAKE) .build/peers/js/.done .build/peers/schema/.done .build/dialects/js/.done; \
	else echo 'npm is not here: no JavaScript client, no types of Grafana'; fi

## soak: make 100,000 calls, a tenth of them streams that end early, and see that nothing is left
.PHONY: soak
soak: $(VENV)/.dev
	@$(BIN)/python -m tests.bench.soak $(ARGS)

## dashboards: generate Grafana's dashboards and alert rules from their Python
.PHONY: dashboards
dashboards: $(VENV)/.dev
	@$(BIN)/python -m dashboards

## matrix: measure how soon each alert tells its incident, and write it into docs/alerts.md
.PHONY: matrix
matrix: $(VENV)/.dev
	@$(BIN)/python -m tests.dashboards.matrix $(ARGS)

## dialects: run other instrumentations on the real SDKs and write what their spans are worth into docs/dialects.md
.PHONY: dialects
dialects: $(VENV)/.dev .build/dialects/js/.done
	@$(BIN)/python -m tests.dialects_live $(ARGS)

## pictures: make the pictures of README and docs anew: what the demo shows, and every dashboard of a seeded month
.PHONY: pictures
pictures: $(VENV)/.dev chromium
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python docs/pictures/draw.py docs/pictures/demo.svg llmcost demo
	@$(BIN)/python -m tests.pictures docs/pictures

## chromium: install the browser that pictures and the tests of pages need, as far as it can be had here
.PHONY: chromium
chromium: $(VENV)/.dev
	@$(BIN)/python -m tests.support.chromium || $(BIN)/playwright install chromium >/dev/null 2>&1 \
	  || { apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } 2>/dev/null \
	  || echo 'Chromium cannot be had here: no pictures, and the tests of pages in a browser are skipped'

## rates: build the rate table again from the pinned releases of its two sources
.PHONY: rates
rates: $(VENV)/.dev .build/rates/.done
	@PYTHONPATH=.build/rates $(BIN)/python -m otel_llmcost.pricing.importer $(ARGS)

## up: take in and show what applications spend, with ClickHouse and Grafana where a Docker engine answers (DEMO=1 adds a made-up month), else embedded
.PHONY: up
up: $(VENV)/.demo
	@if docker compose version >/dev/null 2>&1 && docker info >/dev/null 2>&1; then \
	  $(MAKE) --no-print-directory .env; password() { sed -n "s/^$$1_PASSWORD=//p" .env; }; \
	  docker compose up --detach --build --wait; $(if $(DEMO),docker compose run --rm --build demo;) \
	  export LLMCOST_DSN=clickhouse://llmcost:$$(password CLICKHOUSE)@127.0.0.1:8123/llmcost; \
	  echo "Grafana: http://127.0.0.1:3000, user admin, password $$(password GRAFANA) (in .env)"; \
	  echo "Send OTLP to 127.0.0.1:4317 (gRPC) or LLMCOST_ENDPOINT=http://127.0.0.1:4318 (HTTP)"; fi; \
	$(BIN)/llmcost up $(ARGS)

# Random passwords, each written once and never again; the umask keeps them from others.
.PHONY: .env
.env:
	@umask 077; touch $@; for name in CLICKHOUSE_PASSWORD GRAFANA_PASSWORD GRAFANA_READER_PASSWORD; do \
	  grep -q "^$$name=" $@ || printf '%s=%s\n' "$$name" "$$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')" >> $@; done

## clean: remove what was made here
.PHONY: clean
clean:
	rm -rf $(VENV) $(OLDEST) dist .build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST) | awk -F': ' '{ printf "  make %-15s %s\n", $$1, substr($$0, length($$1) + 3) }'

# --- environments, made again when the pins change ---

$(VENV)/.dev: $(PINS) | $(BIN)/python
	@echo 'Installing what work on the code needs into $(VENV): a minute or two, once'
	@$(BIN)/python $(PIP_INSTALL) -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.demo

$(VENV)/.demo: $(PINS) | $(BIN)/python
	@echo 'Installing what the demo needs into $(VENV): a minute, once'
	@$(BIN)/python $(PIP_INSTALL) -c constraints.txt -e '.[demo]'
	@touch $@

$(OLDEST)/.test: $(PINS) constraints-oldest.txt | $(OLDEST)/bin/python
	@echo 'Installing the oldest SDKs into $(OLDEST)'
	@awk -F== 'NR == FNR { old[$$1] } NR == FNR || !($$1 in old)' constraints-oldest.txt constraints.txt > $(OLDEST)/constraints.txt
	@$(OLDEST)/bin/python $(PIP_INSTALL) -c $(OLDEST)/constraints.txt -e '.[test]' openai anthropic boto3 aiobotocore \
	  google-genai ollama
	@touch $@

$(FRAMEWORKS)/.test: $(PINS) constraints-frameworks.txt | $(FRAMEWORKS)/bin/python
	@echo 'Installing litellm and the frameworks into $(FRAMEWORKS): a minute or two, once'
	@awk -F== 'NR == FNR { other[$$1] } NR == FNR || !($$1 in other)' constraints-frameworks.txt constraints.txt > $(FRAMEWORKS)/constraints.txt
	@$(FRAMEWORKS)/bin/python $(PIP_INSTALL) -c $(FRAMEWORKS)/constraints.txt -e '.[frameworks]'
	@touch $@

# Only the JSON file inside it is read, so that its many requirements stay away.
.build/rates/.done: constraints.txt | $(BIN)/python
	@rm -rf $(@D)
	@$(BIN)/python $(PIP_INSTALL) --no-deps --target $(@D) -c constraints.txt litellm
	@touch $@

.build/dialects/js/.done: tests/dialects_live/js/package.json
	@mkdir -p $(@D) && cp $< $(@D)
	cd $(@D) && npm install --silent --no-package-lock --no-audit --no-fund
	@touch $@

# What `make peers` builds: minutes, once for a version.
.build/peers/otelcol: collector/otelcol-builder.yaml
	@mkdir -p $(@D)/otelcol-build
	cd $(@D)/otelcol-build && $(GO) run go.opentelemetry.io/collector/cmd/builder@v0.159.0 --config $(CURDIR)/$<
	@mv $(@D)/otelcol-build/build/otelcol $@

.build/peers/go-client: tests/collector/peers/go/main.go tests/collector/peers/go/go.mod
	@mkdir -p $(@D)
	cd $(<D) && $(GO) build -o $(CURDIR)/$@ .

.build/peers/deploy-checker: tests/deploy/checker/main.go tests/deploy/checker/go.mod
	@mkdir -p $(@D)
	cd $(<D) && $(GO) build -o $(CURDIR)/$@ .

.build/peers/js/.done: tests/collector/peers/js/package.json tests/collector/peers/js/client.mjs
	@mkdir -p $(@D) && cp $^ $(@D)
	cd $(@D) && npm install --silent --no-package-lock --no-audit --no-fund
	@touch $@

.build/peers/schema/.done: tests/dashboards/schema/package.json
	@mkdir -p $(@D) && cp $^ $(@D)
	cd $(@D) && npm install --silent --no-package-lock --no-audit --no-fund
	@touch $@

%/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed, and $(PYTHON) is not: name one by make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $* || { rm -rf $*; exit 1; }
