# SPDX-License-Identifier: Apache-2.0
# The front door. Each target is a short command that you can type yourself; `make help` lists them.
.DEFAULT_GOAL := build
SUITES := metrics plugins scheduler autoscaler integration e2e

build: ## build build/ganglion (optimised, asserts on)
	@tools/deps build
	@test -f build/build.ninja || meson setup build $(MESON_ARGS)
	@ninja -C build ganglion

run: build ## start the embedded control plane here; Ctrl-C stops it
	@build/ganglion up $(ARGS)

demo: build ## run the main job from end to end and print what happened
	@ninja -C build examples/training/ring_train
	@tools/demo

test: ## run all tests under ASan and UBSan, the threaded ones under TSan too
	@tools/deps test
	@tools/run-tests

test-all: test ## the same as test

$(SUITES:%=test-%): test-%: ## run one suite
	@tools/deps test
	@tools/run-tests --suite $*

test-bare: ## run make demo and make test in a bare Debian 12, as root and as a user with sudo
	@tools/test-bare

conformance: build ## play recorded Kubernetes answers against us: CONFORMANCE=folder of replay.py
	@tools/conformance $(CONFORMANCE)

bench: ## run the benchmarks, one JSON line per figure (ARGS="--quick" for a short run)
	@tools/deps bench
	@tools/bench $(ARGS)

fuzz: ## fuzz each parser for FUZZ_SECONDS (default 30)
	@tools/deps fuzz
	@tools/fuzz

soak: ## a million random operations against the scheduler (SOAK_OPERATIONS, CHECK_SEED)
	@tools/deps build
	@tools/soak

format: ## format the C files in place
	@tools/deps lint
	@tools/format

lint: build ## check format, layers, prefixes, sizes and banned calls
	@tools/deps lint
	@tools/format --check
	@tools/lint

analyze: ## gcc -fanalyzer over everything
	@tools/deps test
	@tools/analyze

coverage: ## line coverage of the tests, in build-coverage/coverage.txt
	@tools/deps coverage
	@tools/run-tests --coverage

docs: build ## check the links of the documents, make the reference pages
	@tools/docs

install: build ## install to PREFIX set by MESON_ARGS=--prefix=..., below DESTDIR if set
	@meson install -C build --no-rebuild --tags runtime,man,devel

deps: ## install the packages that build and test need
	@tools/deps build test

clean: ## remove everything that was built
	@rm -rf build build-*

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14
	@echo "test-SUITE    run one of: $(SUITES)"

.PHONY: build run demo test test-all $(SUITES:%=test-%) test-bare conformance bench fuzz soak format \
	lint analyze coverage docs install deps clean help
