# Muttr's commands. Each installs what it needs and this machine lacks (.ci/setup).
#
#   make run          a pod on http://localhost:8080 and two links to try it with
#   make test         every test, real browser included
#   make pkg          the npm package, ready for `npm pack` in muttr-wasm/
#   make bench        the measurements; make bench-NAME for one of them
#   make soak         the long figures: seeds that come and go for ten minutes, a tab hidden for seven,
#                     a pod killed a hundred times and twenty times without power, a tab killed a
#                     hundred times while it stores, a million notifications from hostile pods
#   make sim          two days of people who come and go, in the simulator: what can be read and what it costs
#   make sim-full     the same for fourteen days, and everything else that is simulated
#   make storms       a thousand storms in the simulator, where make test plays a few
#   make clean        forgets everything that was built

SHELL := bash
export MUTTR_TOOLS ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/muttr/tools
# Shown in the page, under "About".
export MUTTR_BUILD ?= $(shell git rev-parse --short=12 HEAD 2> /dev/null)

.PHONY: run test pkg page pod tested bench bench-first bench-webrtc bench-federation bench-custody soak sim sim-full storms clean

run: pod
	@exec node .ci/serve.mjs

test:
	@node .ci/test.mjs

pkg:
	@.ci/setup build
	npm run --silent build --workspace=muttr

page: pkg
	npm run --silent build --workspace=www

# The page is embedded in the pod. `--bin` without `-p`: with the features of the whole workspace,
# so that `make test` finds the same dependencies compiled.
pod: page
	cargo build --bin muttr-pod --bin muttr

# As `make test` compiles, so that what one compiled serves the other.
tested soak bench-webrtc bench-custody: export CARGO_INCREMENTAL = 0
tested soak bench-webrtc bench-custody: export RUSTC_WORKSPACE_WRAPPER = $(CURDIR)/.ci/linted
tested: page
	@.ci/setup test
	cargo build --bins --features muttr-tests/foreign,muttr-tests/meddle

bench: bench-first bench-webrtc bench-federation bench-custody

bench-first: tested
	node tests/bench/first.mjs

bench-federation: tested
	node tests/bench/federation.mjs

# Two hundred seeds and ten tabs, and the simulator beside them. What tabs are told to store is in the
# test build only.
bench-custody: tested
	npm run --silent build --workspace=muttr -- --test
	node tests/bench/custody.mjs

# Needs a stream to measure, which is not in what is shipped.
bench-webrtc: tested
	npm run --silent build --workspace=muttr -- --bench
	node tests/bench/webrtc.mjs

# What comes and goes is decided by an integer that is printed: MUTTR_SOAK_SEED plays it again.
soak: export MUTTR_SOAK_S ?= 600
soak: export MUTTR_SOAK_KILLS ?= 100
soak: export MUTTR_SOAK_CUTS ?= 20
soak: export MUTTR_SOAK_TAB_KILLS ?= 100
soak: tested
	cargo test --features muttr-tests/foreign,muttr-tests/meddle --test durability -- --nocapture --test-threads 1
	npm run --silent build --workspace=muttr -- --test
	node --test --test-reporter=spec tests/browser/soak.spec.mjs
	node --test --test-reporter=spec tests/browser/hidden.spec.mjs
	node --test --test-reporter=spec tests/browser/killed.spec.mjs
	MUTTR_FLOOD=1000000 cargo test --features muttr-tests/foreign,muttr-tests/meddle --test hostile

# MUTTR_SIM_SEED=81723 changes every random choice; MUTTR_SIM_BASELINE=1 makes what came out what
# later reports are compared with (tests/fixtures/custody).
sim:
	cargo figures short

# Compiled anew, and half as long at work.
sim-full:
	cargo run --quiet --release -p muttr-tests --bin figures -- full

# One that fails names its integer: MUTTR_SIM_SEED=81723 cargo sim NAME plays it again.
storms: export MUTTR_SIM_RUNS ?= 1000
storms:
	cargo sim

clean:
	cargo clean
	rm -rf muttr-wasm/dist www/dist node_modules
