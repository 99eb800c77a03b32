# Everything a person or CI does with this checkout. Each target is what CI runs.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run build test charts charts-write images kind-up e2e vectors tour interop clients-generate fuzz conformance first-run lint deny advisories check bench golden tools clean

TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
# Tests that leave something out say so in this file, a line each.
export CAMPUS_SKIPPED := $(TARGET)/left-out.txt
# Further flags of `campus demo`: make run ARGS='--listen 127.0.0.1:6000'
ARGS ?=
# A harness that puts one load on several servers side by side, if one lies next to this checkout.
MEASURE ?= $(firstword $(wildcard ../*/peers/measure))
LOADS ?= get,get-32x1,get-1x1,list,stream,lookup,create,import

# What /version says was built; a build without git, or by cargo alone, says nothing.
run build bench: export CAMPUS_COMMIT ?= $(shell git describe --always --dirty --abbrev=12 --exclude='*' 2>/dev/null)

help: ## says what there is to make
	@echo "usage: make TARGET"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: ## runs every service on this machine with example data, and says what to try (ARGS='--flag value')
	@[ -x "$(TARGET)/release/campus" ] || echo "The first build compiles every dependency and takes a few minutes."
	@cargo run --release --locked -p campus -- demo $(ARGS)

build: ## builds all programs for use, into target/release
	cargo build --release --locked --workspace --bins

test: ## runs every test, then says what had to be left out
	@mkdir -p "$(TARGET)" && rm -f "$(CAMPUS_SKIPPED)"
	@.ci/postgres || true
	@.ci/browser || true
	@failed=""; \
	cargo test --workspace --locked --no-fail-fast || failed="$$failed cargo-test"; \
	.ci/grpcurl-test || failed="$$failed grpcurl-test"; \
	.ci/charts || failed="$$failed charts"; \
	.ci/clients || failed="$$failed clients"; \
	.ci/vectors || failed="$$failed vectors"; \
	.ci/tour || failed="$$failed tour"; \
	.ci/interop || failed="$$failed interop"; \
	.ci/left-out list; \
	[ -z "$$failed" ] || { echo "failed:$$failed" >&2; exit 1; }

charts: ## tests the Helm charts, without a cluster
	@mkdir -p "$(TARGET)"
	.ci/charts

charts-write: ## writes values, schemas and golden files of the charts anew; look at the diff
	.ci/charts golden

images: ## builds the image of each program and prints its size (BINS=FOLDER of static programs, ARCH=arm64, NAMES=employee)
	.ci/images

kind-up: ## everything on a kind cluster of this machine, with PostgreSQL, a collector and clients that never stop
	deploy/kind/up

e2e: ## tests the charts on the cluster of KUBECONFIG; E2E_LOAD hands it images (deploy/e2e/run says more)
	deploy/e2e/run check $(CASES)
	NAMES="employee student addressbook gateway cli load" .ci/images
	deploy/e2e/run $(CASES)

vectors: ## runs the vectors in each language over TCP and TLS, and writes the table in docs/vectors.md
	.ci/vectors --write

tour: ## runs docs/tour.md as it stands in five languages, and the examples that never stop
	.ci/tour

interop: ## runs the official interop cases of gRPC against grpc-go and grpcio, both ways, and writes the table in docs/interop.md
	.ci/interop --write

clients-generate: ## generates the stubs of the Python and Go clients anew from proto/
	clients/python/generate
	clients/go/generate

fuzz: ## sends what the OpenAPI document allows, and what it does not, to a real server (EXAMPLES=n)
	.ci/schemathesis

conformance: ## runs what the tests of others expect of a REST gateway, and prints the figures
	cargo test --locked -p campus-gateway --test conformance -- --nocapture --test-threads 1

first-run: ## does in a fresh copy what a newcomer does: make run, then each command it prints
	.ci/first-run

lint: ## format, clippy, documentation, contract, files: no warning passes
	cargo fmt --all -- --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked
	buf=$$(.ci/tool buf) && "$$buf" lint && "$$buf" format --diff --exit-code
	.ci/check-files

deny: ## licences, sources and bans of the dependencies, and those that nothing uses
	deny=$$(.ci/tool cargo-deny) && "$$deny" --locked check --hide-inclusion-graph bans licenses sources
	machete=$$(.ci/tool cargo-machete) && "$$machete"

advisories: ## known vulnerabilities of the dependencies (fetches the RustSec database)
	deny=$$(.ci/tool cargo-deny) && "$$deny" --locked check advisories

check: lint deny test fuzz first-run ## all that CI runs

bench: ## measures the store, and the whole server beside others where the harness for it is there
	cargo bench --workspace --locked --bench '*'
ifeq ($(MEASURE),)
	@echo "left out: whole-server runs: no peers/measure beside this checkout (MEASURE=PATH)"
else
	cargo build --release --locked -p campus
	$(MEASURE) --peers go-sqlite,tonic-sqlite,floor --loads $(LOADS) \
		--server 'campus=$(TARGET)/release/campus serve --data-dir {dir} --listen 127.0.0.1:{port} --admin-listen 127.0.0.1:0 --rest-listen off' --port 50951
endif

golden: ## writes the golden files anew from what the programs say now; look at the diff
	UPDATE_GOLDEN=1 cargo test --workspace --locked --no-fail-fast

tools: ## installs what lint, deny and test use beside Rust, once for all checkouts
	@for tool in buf cargo-deny cargo-machete grpcurl helm helm3 kubeconform rules-test schemathesis interop-go interop-python; do .ci/tool $$tool || exit; done
	@clients/python/environment

clean: ## removes what was built here; the tools stay
	cargo clean
