# The door to the two commands, `make serve` and `make test`, and their neighbours. Each does all the set-up that it
# needs on a fresh Debian 12 (as root, or with sudo), and nothing when nothing changed. What they do: .ci/.
.PHONY: help serve demo build wheel test ctest pytest asan tsan lint edge soak fuzz sbom bench clean
MAKEFLAGS += --no-print-directory

help:
	@echo "make serve [ARGS='-c headworks.yaml']   build, and run the gateway"
	@echo "make test                               build, and run every test"
	@echo "make demo                               run it in front of built-in upstreams"
	@echo "make build                              build, and install into .venv"
	@echo "make wheel                              the sdist and the wheel, in dist/"
	@echo "make ctest | make pytest [ARGS=...]     only the C++ tests, only the Python tests"
	@echo "make asan | make tsan                   the C++ tests under sanitizers"
	@echo "make lint                               form, types and rules of the Python code"
	@echo "make edge [ARGS=--faults or --minutes]  every row of the tables of bad input (and faults), beside others"
	@echo "make soak [SOAK_SECONDS=1800]           faults at 500 requests a second, for half an hour"
	@echo "make fuzz [SECONDS=60] [ARGS=target]    the fuzz targets, so long each"
	@echo "make sbom                               what is in it, as CycloneDX: dist/sbom.json"
	@echo "make bench [ARGS='--quick']             Headworks beside nginx"
	@echo "make clean                              forget builds and the virtual environment"

build:
	@.ci/setup build
	@.ci/build

serve demo: build
	@exec .venv/bin/headworks $@ $(ARGS)

wheel:
	@.ci/wheel $(ARGS)

test:
	@.ci/setup build test sanitize
	@.ci/build
	@.ci/test

ctest:
	@.ci/setup build test
	@.ci/build
	@.ci/ctest release

pytest:
	@.ci/setup build test
	@.ci/build
	@.venv/bin/python -m pytest $(ARGS)

asan tsan:
	@.ci/setup build test sanitize
	@.ci/ctest $@

lint:
	@.ci/setup build test
	@.ci/lint

edge:
	@.ci/setup build test
	@.ci/build
	@.venv/bin/python tests/gateway/edge/grid.py $(ARGS)

soak: SOAK_SECONDS ?= 1800
soak:
	@.ci/setup build test
	@.ci/build
	@SOAK_SECONDS=$(SOAK_SECONDS) .venv/bin/python -m pytest -m minutes -rA tests/gateway/faults/test_soak.py

fuzz:
	@.ci/setup build sanitize
	@SECONDS=$(SECONDS) .ci/fuzz $(ARGS)

sbom: build
	@mkdir -p dist && .venv/bin/python .ci/sbom.py >dist/sbom.json && echo dist/sbom.json

bench:
	@.ci/setup build bench
	@.ci/build
	@.venv/bin/python benchmarks/load/run.py --binary build/release/cpp/headworksd $(ARGS)

clean:
	rm -rf build .venv dist
