# Every target builds with the toolchain that go.mod names and with the simd
# experiment, without which the Go engine is many times slower.
export GOTOOLCHAIN := auto
export GOEXPERIMENT := simd

ENGINE ?= auto
FUZZTIME ?= 60s
FUZZJOBS ?= 2
SOAK ?= 2h
SOAK_ENGINE ?= go
GO ?= go

DEMO_DIR = runs/demo-$(subst :,-,$(ENGINE))

.PHONY: help build demo test trust trust-runs soak lint fuzz cross check clean-demo

help: ## Show the targets.
	@sed -n 's/^\([a-z-]*\):.*## /\1: /p' $(MAKEFILE_LIST)

build: ## Build bin/kafisto.
	$(GO) build -buildvcs=auto -o bin/kafisto ./cmd/kafisto

demo: build ## Compare KaFiStO, SGD and Adam on the embedded images (ENGINE=auto, go, xla:cpu or xla:cuda).
	bin/kafisto compare kafisto sgd adam --dataset fashion-sample --model small-cnn \
		--epochs 3 --batch-size 128 --seeds 1 --engine $(ENGINE) --dir $(DEMO_DIR)

clean-demo: ## Remove the demo's runs, so that it trains again.
	rm -rf runs/demo-auto runs/demo-go runs/demo-xla-cpu runs/demo-xla-cuda

test: ## Run all tests; those for XLA skip where it is not installed, or fail with KAFISTO_REQUIRE_XLA=1.
	$(GO) test -timeout 20m ./...

trust: ## Test all that docs/reliability.md promises, in full, on a machine that does nothing else: trust-runs, then fuzz with FUZZTIME=10m, then soak on both engines; a working day.
	$(MAKE) trust-runs
	$(MAKE) fuzz FUZZTIME=10m
	$(MAKE) soak
	$(MAKE) soak SOAK_ENGINE=xla:cpu

trust-runs: export KAFISTO_REQUIRE_XLA ?= 1
trust-runs: ## Test what a run promises, in full, on both CPU engines (KAFISTO_REQUIRE_XLA=0: on those that are there): an hour or so.
	KAFISTO_TRUST=full $(GO) test -count=1 -timeout 4h -v ./internal/trust
	KAFISTO_STOPS=20 $(GO) test -count=1 -timeout 1h ./internal/train
	$(GO) test -count=1 ./internal/atomicfile ./internal/checkpoint/... ./internal/engine ./internal/lockfile ./internal/runlog ./internal/task ./internal/weights
	$(GO) test -count=1 ./internal/search -run 'Full|Refuse'
	$(GO) test -count=1 ./internal/data -rapid.checks=1000
	$(GO) test -count=1 ./internal/cli -run 'Killed|Shared|Signals|Stopped|Diverged|Resume|Full|BadInput'

soak: ## Train for SOAK (2h) on SOAK_ENGINE (go) with a checkpoint a minute; memory and open files go to runs/soak-ENGINE.csv.
	mkdir -p runs
	KAFISTO_SOAK=$(SOAK) KAFISTO_SOAK_ENGINE=$(SOAK_ENGINE) KAFISTO_SOAK_CSV=$(CURDIR)/runs/soak-$(subst :,-,$(SOAK_ENGINE)).csv \
		$(GO) test -count=1 -timeout 0 -v -run '^TestSoak$$' ./internal/trust

lint: ## Check formatting, vet, and staticcheck.
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt these files:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

fuzz: ## Fuzz every parser for FUZZTIME (60s) each, FUZZJOBS (2) at a time, each by one worker.
	@grep -rE '^func Fuzz' --include='*_test.go' . \
		| sed -E 's|^(.*)/[^/]*:func (Fuzz[A-Za-z0-9_]*)\(.*|\1 \2|' \
		| xargs -P $(FUZZJOBS) -L 1 sh -c 'echo "$$1 in $$0"; $(GO) test -run "^$$" -fuzz "^$$1\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x -parallel 1 "$$0"'

cross: ## Build without cgo for Linux, macOS and Windows.
	@set -e; for target in linux/amd64 linux/arm64 darwin/arm64 windows/amd64; do \
		echo "$$target"; \
		CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} $(GO) build -o /dev/null ./cmd/kafisto; \
	done

check: lint cross ## Formatting, vet, lint, and the builds without cgo.
