# make test needs only Go. The other tools are pinned in tools/go.mod and built
# by the first target that asks for one, which takes a few minutes.

GO   ?= go
TOOL  = $(GO) tool -modfile=tools/go.mod

PLUGINPB = internal/wire/pluginpb
# Directories of generated assembly, each with its generator in _gen.
KERNELS = internal/simd bench/internal/ceiling
# What a change of the protocol is compared with: the last release, or HEAD.
AGAINST ?= $(shell git describe --tags --abbrev=0 2>/dev/null || echo HEAD)
# How often each benchmark runs: benchstat wants ten.
COUNT ?= 10

.PHONY: help build test race check vet lint layers generated breaking cross purego examples parity bench bench-scoring bench-measures generate fmt quickstart clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## bin/xlrun
	$(GO) build -o bin/xlrun ./cmd/xlrun

test: ## every test; needs only Go
	$(GO) test ./...

race: ## every test under the race detector (needs a C compiler)
	$(GO) test -race ./...

check: build vet lint layers generated breaking cross test purego examples ## what a change must pass

examples: ## the plugin with a module of its own
	@cd examples/plugin-go && $(GO) vet ./... && $(GO) test ./...

vet: ## go vet
	$(GO) vet ./...

lint: ## golangci-lint, zero findings
	$(TOOL) golangci-lint run --timeout 10m --allow-parallel-runners ./...

layers: ## the imports of every package
	$(GO) test -count=1 ./internal/

generated: ## generated code is what its sources say
	$(TOOL) buf lint
	@tmp=$$(mktemp -d) && trap 'rm -rf "$$tmp"' EXIT && \
	$(TOOL) buf generate -o "$$tmp" && \
	diff -r "$$tmp/$(PLUGINPB)" $(PLUGINPB) || \
	{ echo '$(PLUGINPB) is not what sdk/proto says: run make generate' >&2; exit 1; }
	@for dir in $(KERNELS); do \
	  tmp=$$(mktemp -d) && cp $$dir/*_amd64.s $$dir/*_amd64.go "$$tmp" && \
	  $(GO) generate ./$$dir && (cd $$dir/_gen && $(GO) vet .) || exit 1; \
	  for f in "$$tmp"/*; do diff "$$f" $$dir/$$(basename "$$f") >/dev/null || \
	    { echo "$$dir/$$(basename "$$f") was not what $$dir/_gen says: it is now" >&2; exit 1; }; \
	  done; rm -rf "$$tmp"; \
	done

breaking: ## the protocol still reads what the last release wrote
	$(TOOL) buf breaking --against '.git#ref=$(AGAINST)'

purego: ## the scoring core without assembly, as other machines run it
	$(GO) test -tags purego ./internal/simd ./sdk/vec ./plugins/flat ./plugins/hnsw

cross: ## builds and vets for machines that tests do not run on
	GOOS=linux GOARCH=arm64 $(GO) vet ./...
	GOOS=linux GOARCH=386 $(GO) vet ./sdk/... ./internal/simd
	GOOS=darwin GOARCH=arm64 $(GO) build ./...

parity: ## the values of xlrun eval beside those of the tools on PyPI (needs Python 3.11, pip and perl)
	@mkdir -p bin
	$(GO) build -o bin/xlrun ./cmd/xlrun
	python3 -m venv bin/.parity
	bin/.parity/bin/python -m pip install --quiet --disable-pip-version-check -r tools/parity/requirements.txt
	bin/.parity/bin/python tools/parity/parity.py bin/xlrun

bench: ## benchmarks, ten times each; compare two files with benchstat
	@mkdir -p bin
	$(GO) test -run '^$$' -bench . -benchmem -count $(COUNT) ./... | tee bin/bench.txt
	$(TOOL) benchstat bin/bench.txt

bench-scoring: ## the scoring core beside FAISS, numpy and others; PEERS=install gets them, ARGS are flags
	@mkdir -p bin
	$(GO) build -o bin/bench-scoring ./bench/scoring
	bin/bench-scoring $(if $(filter install,$(PEERS)),-install) $(ARGS)

bench-measures: ## xlrun eval beside trec_eval and pytrec_eval; PEERS=install gets them, ARGS are flags
	@mkdir -p bin
	$(GO) build -o bin/bench-measures ./bench/measures
	bin/bench-measures $(if $(filter install,$(PEERS)),-install) $(ARGS)

generate: ## writes the generated code anew
	$(TOOL) buf generate
	$(GO) generate $(KERNELS:%=./%)

fmt: ## formats Go sources and workflows
	$(TOOL) golangci-lint fmt
	$(GO) run ./cmd/xlrun fmt workflows

quickstart: ## the first study, offline
	$(GO) run ./cmd/xlrun run workflows/quickstart.hcl

clean: ## removes what the targets above left, but no results
	rm -rf bin
