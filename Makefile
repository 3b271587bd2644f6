# SPDX-License-Identifier: Apache-2.0
# What can be done here: make help.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run build generate lint test soak bench deps clean

# Root alone sees the whole host. Go keeps its caches with whoever builds.
AS_ROOT := scripts/as-root

help: ## list what can be done
	@sed -nE 's/^([a-z]+):.*## (.*)$$/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name what; do printf '  make %-10s %s\n' "$$name" "$$what"; done

run: build ## build, then watch a demonstration shop live (as root: directly or by sudo)
	@exec $(AS_ROOT) bin/aeolus up --demo

build: ## build bin/aeolus and bin/aeolus-agent; needs Go alone
	@scripts/build

generate: ## write generated code, BPF objects and the UI's build anew (needs clang, protoc, node)
	sh api/generate.sh
	@for script in $$(git ls-files '*/generate.sh' ':!api/generate.sh'); do echo "sh $$script"; sh "$$script"; done
	@if [ -f web/package.json ]; then echo 'web: npm ci, npm run generate, npm run build'; cd web && npm ci --no-audit --no-fund && npm run generate && npm run build; fi

lint: ## gofmt, go vet, staticcheck, shellcheck, and the UI's types where its packages are installed
	@scripts/lint

test: deps ## run every test, as root, in its small size
	@AEOLUS_SIZE=small scripts/test

soak: deps ## run every test, as root, in its full size: hours
	@AEOLUS_SIZE=full scripts/test

bench: build ## measure against the budgets and print tables
	@$(AS_ROOT) scripts/bench

deps: ## install what the tests use (Debian, as root or by sudo); say what is missing elsewhere
	@scripts/deps

clean: ## remove what was built
	rm -rf bin .cache
