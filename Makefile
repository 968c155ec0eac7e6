# The two commands: `make run` starts the product with something real to try, `make test` runs the gates.
# Both do their own set-up, can be run again at any time, and say what is missing. The rest is for people working on Sumeru.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
export CARGO_TERM_COLOR ?= auto

BIN   := target/release/sumeru
CACHE := .cache
# Models pulled for tests and benchmarks; kept apart from the data of whoever runs `make run`.
TEST_DATA ?= $(CURDIR)/$(CACHE)/test-data
export SUMERU_TEST_DATA := $(TEST_DATA)
# Not `?=`: many shells export a HOST of their own. `make run HOST=...` still overrides.
HOST := 127.0.0.1
PORT ?= 8080
DATA ?= $(CURDIR)/$(CACHE)/data

.PHONY: help run test setup setup-test ui build models lint unit journeys openai e2e tidy statistics soak parity bench clean

help: ## what there is
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: setup ui build ## set everything up and start Sumeru on http://127.0.0.1:8080 with a sample knowledge base
	@scripts/step "models (once, about 560 MB)"
	$(BIN) models pull --data "$(DATA)" qwen2.5-coder-0.5b-instruct
	$(BIN) models pull --data "$(DATA)" multilingual-e5-small
	@scripts/step "sample knowledge base"
	$(BIN) ingest --data "$(DATA)" --kb sample examples/sample-kb
	@scripts/step "starting on http://$(HOST):$(PORT)"
	@echo "In another terminal:  export PATH=\"$(CURDIR)/target/release:\$$PATH\" SUMERU_DATA=\"$(DATA)\""
	exec $(BIN) serve --data "$(DATA)" --host $(HOST) --port $(PORT)

test: setup-test lint tidy unit journeys openai e2e ## run the gates a change must pass
	@scripts/step "all gates passed"

setup: ## system packages and Node, if missing
	@scripts/setup run

setup-test: ## the same, with what the tests need
	@scripts/setup test

ui: web/dist/index.html ## build the browser UI

web/dist/index.html: $(shell find web/src web/index.html web/vite.config.ts web/package-lock.json -type f 2>/dev/null)
	@scripts/step "browser UI"
	cd web && ../scripts/with-node npm ci --no-audit --no-fund && ../scripts/with-node npm run build

build: ui ## the binary, target/release/sumeru
	@scripts/step "binary (the first build takes a while)"
	cargo build --release --workspace --bins

models: build ## pull the models the tests use
	@scripts/step "models for the tests"
	$(BIN) models pull --data "$(TEST_DATA)" smollm2-135m-instruct
	$(BIN) models pull --data "$(TEST_DATA)" qwen2.5-coder-0.5b-instruct
	$(BIN) models pull --data "$(TEST_DATA)" multilingual-e5-small

lint: ui ## format and clippy with our own lint table
	@scripts/step "format and lints"
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets -- -D warnings

tidy: ## arrows, forbidden edges, links, budgets
	@scripts/step "tidy"
	cargo xtask tidy

unit: ui models ## unit, property and black-box tests
	@scripts/step "unit, property and black-box tests"
	SUMERU_TEST_MODELS="$(TEST_DATA)/models" cargo test --release --workspace --no-fail-fast

journeys: ## UI type-check and unit tests
	@scripts/step "UI checks"
	cd web && ../scripts/with-node npm run check && ../scripts/with-node npm test

openai: models ## the official OpenAI clients against the running server
	@scripts/step "official openai clients"
	tests/openai/run.sh

e2e: models ## the browser, for real
	@scripts/step "browser journeys"
	tests/e2e.sh

statistics: ## hold intervals and races against 1,000 synthetic races whose truth is known (about a minute)
	cargo run --release -q -p evaluate --example statistics

soak: build ## 200,000 requests, and a thousand at once: none is lost, memory stays flat
	@scripts/step "soak"
	tests/soak/run.sh

parity: models ## compare token ids, greedy text, embeddings, and each architecture with independent engines
	$(BIN) models pull --data "$(TEST_DATA)" gemma-3-270m
	$(BIN) models pull --data "$(TEST_DATA)" qwen2.5-coder-1.5b-instruct
	$(BIN) models pull --data "$(TEST_DATA)" all-minilm-l6-v2
	SUMERU_MODELS="$(TEST_DATA)/models" bench/parity/run.sh
	bench/parity/architectures.sh

bench: models ## every benchmark beside its peer; raw runs kept under bench/runs
	bench/run.sh

clean: ## remove what was built; models and data stay
	cargo clean
	rm -rf web/dist web/node_modules
