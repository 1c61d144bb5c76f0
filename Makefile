# SPDX-License-Identifier: Apache-2.0
.DEFAULT_GOAL := help
export CGO_ENABLED = 0
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS = -s -w -X github.com/gyrfalcon/gyrfalcon/internal/app.Version=$(VERSION)
SUDO = $(if $(filter 0,$(shell id -u)),,sudo)

.PHONY: help build run doctor test test-kernels test-packages race lint fuzz bench bench-cost bench-live evasion packages generate check-generated clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Build ./gyr
	go build -trimpath -ldflags '$(LDFLAGS)' -o gyr ./cmd/gyr

run: build ## Build gyr and watch this machine with the default rules (asks for root)
	$(SUDO) ./gyr

doctor: build ## Say whether this machine can be watched, and what is missing
	$(SUDO) ./gyr doctor

test: build ## Run all tests; those that watch the kernel need root and say why they skip
	go build ./... && go test -p 1 ./...

test-kernels: ## Boot Debian kernels in qemu and run the live tests in each (KERNELS="6.1 newest")
	./test/kernels/run.sh $(KERNELS)

race: ## Run the tests with the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race -short ./internal/...

lint: ## Check format, go vet and staticcheck
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these files"; exit 1; }
	go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

FUZZTIME ?= 10s
fuzz: ## Run every fuzz test for FUZZTIME each
	@go list -f '{{.Dir}}' ./... | while read -r dir; do \
		grep -ho '^func Fuzz[A-Za-z0-9_]*' "$$dir"/*_test.go 2>/dev/null | cut -c6- | while read -r f; do \
			echo "$$dir $$f"; (cd "$$dir" && go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x .) || exit 1; \
		done || exit 1; \
	done

bench: ## Run the benchmarks; docs/performance.md explains them
	go test -run '^$$' -bench . -benchmem ./internal/... ./test/...

bench-cost: ## Measure what each kind of system call costs: without gyr, with it, by family (needs root)
	go test -run '^$$' -bench 'CallFamilies' -benchtime 100x ./internal/source/modernbpf

bench-live: ## Measure what watching costs a mixed workload (minutes, needs root and a quiet machine)
	GYR_BENCH_LIVE=1 go test -count=1 -v -run 'TestMixedWorkload|TestResident' ./test/live

evasion: ## Do what is known to hide from monitors and print the scorecard (root); docs/evasion-scorecard.md
	@out=$$(GYR_REQUIRE_LIVE=1 go test -count=1 -v -run '^TestEvasion$$' ./test/evasion); rc=$$?; echo "$$out" | grep -v '^ *--- PASS\|^=== '; exit $$rc

packages: ## Build dist/: .deb, .rpm, .tar.gz, the list of what is inside and hashes (GYR_ARCH=arm64)
	./deploy/package/build.sh

test-packages: ## Install, start, upgrade and remove the packages in a fresh Debian tree (root, debootstrap, rpm)
	./test/packages/run.sh

CAPTURE ?= /tmp/gyr-3m.scap
capture-3m: build ## Record 3 million events of mixed activity into $(CAPTURE), for docs/performance.md
	$(SUDO) ./test/bench/capture-3m.sh ./gyr $(CAPTURE)

generate: ## Build the eBPF objects (needs clang-19, llvm-19, libbpf-dev, protobuf-compiler, libprotobuf-dev), gRPC code and reference pages
	./bpf/build.sh
	go generate ./...

check-generated: ## Prove that the committed objects match their sources
	@out=$$(mktemp -d) && ./bpf/build.sh $$out && for f in $$out/*.o; do cmp $$f bpf/$$(basename $$f) || exit 1; done && rm -r $$out && echo "eBPF objects match their sources"

clean: ## Remove what was built
	rm -f gyr
