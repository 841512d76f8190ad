# `make` alone lists the targets. Each does what it needs of the earlier ones; nothing is done twice.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eo pipefail -c
.DELETE_ON_ERROR:

export PATH := $(CURDIR)/.venv/bin:$(PATH)
PYTHON_IN_VENV := $(CURDIR)/.venv/bin/python

ready := .venv/ready.stamp
installed := build/installed.stamp
dev_built := build/dev.stamp
wheel_checked := build/wheel.stamp
extra_wheel := build/extra/wheel.stamp

core_sources := $(shell find src include cmake -type f) CMakeLists.txt CMakePresets.json
package_sources := $(core_sources) $(shell find python -type f -not -name '*.pyc') pyproject.toml README.md LICENSE
test_sources := $(shell find tests bench -name CMakeLists.txt -o -name '*.cc' -o -name '*.h')

.PHONY: help
help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: setup
setup: $(ready)  ## system packages (apt) and .venv with the pinned dependencies
$(ready): constraints.txt tools/setup.sh tools/apt.sh tools/download_size.py
	@tools/setup.sh
	@touch $@

.PHONY: build
build: $(installed)  ## the package, compiled and installed into .venv (editable)
$(installed): $(ready) $(package_sources)
	@$(PYTHON_IN_VENV) -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

.PHONY: demo
demo: build  ## train a tiny model and look at its metrics by type (DATA=train.jsonl for your own file)
	@.venv/bin/typetally demo $(if $(DATA),--data "$(DATA)")

.PHONY: picture
picture: demo  ## the curves of the README, from a run of the demo
	@cp runs/demo/curves.svg docs/curves.svg

.PHONY: test
test: $(ready)  ## everything that CI runs: all test-... stages below, lint and the layer check
	@$(PYTHON_IN_VENV) tools/run_stages.py test-layers test-cpp test-install test-asan test-python test-wheel lint

$(dev_built): $(ready) $(core_sources) $(test_sources)
	@cmake --preset dev --log-level=WARNING
	@cmake --build --preset dev
	@touch $@

.PHONY: test-cpp
test-cpp: $(dev_built)  ## C++ tests, warnings are errors
	@ctest --preset dev

.PHONY: test-asan
test-asan: $(ready)  ## C++ tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@cmake --preset asan --log-level=WARNING
	@cmake --build --preset asan
	@ctest --preset asan

.PHONY: test-install
test-install: $(dev_built)  ## a project of its own that finds and links the installed library
	@tools/test_install.sh

.PHONY: test-python
test-python: build $(dev_built)  ## Python tests
	@$(PYTHON_IN_VENV) -m pytest

.PHONY: test-wheel
test-wheel: $(wheel_checked)  ## sdist, the wheel built from it, and its import in a clean environment
$(wheel_checked): $(ready) $(package_sources) tools/test_wheel.sh tools/check_wheel.py
	@tools/test_wheel.sh
	@touch $@

.PHONY: test-extra
test-extra: $(ready)  ## what needs a browser or environments of its own (ms-swift, ...): the stages below
	@$(PYTHON_IN_VENV) tools/run_stages.py test-page test-trl-1-14 test-swift test-ray

.PHONY: test-page
test-page: build build/chromium.stamp  ## pages in a real browser: Debian's Chromium, without a window
	@$(PYTHON_IN_VENV) -m pytest tests/extra/page
build/chromium.stamp: tools/setup_page.sh tools/apt.sh
	@tools/setup_page.sh
	@mkdir -p build && touch $@

.PHONY: test-ray
test-ray: .venv-ray/package.stamp  ## data sets on Ray Data: audit, types and plan on a local cluster
	@.venv-ray/bin/python -m pytest tests/extra/ray

.PHONY: test-trl-1-14
test-trl-1-14: .venv-trl-1-14/package.stamp  ## TRL 1.14, whose losses leave logits or hidden states
	@.venv-trl-1-14/bin/python -m pytest tests/python/test_attach_trl.py tests/python/test_parity.py

.PHONY: test-swift
test-swift: .venv-swift/package.stamp  ## the plugin in ms-swift's own trainer
	@.venv-swift/bin/python -m pytest tests/extra/swift tests/python/test_parity.py

.PHONY: test-liger
test-liger: .venv-liger/package.stamp  ## Liger's kernels by Triton's interpreter, whose wheel is large: not in test-extra
	@.venv-liger/bin/python -m pytest tests/extra/liger

.PHONY: test-cuda
test-cuda: $(ready)  ## CUDA kernels on a GPU: tests, compute-sanitizer, benchmarks; needs a device and nvcc 13
	@$(PYTHON_IN_VENV) tools/test_cuda.py

# An environment of its own for tests/extra/NAME: a stage needs .venv-NAME/package.stamp and runs .venv-NAME/bin/python.
.PRECIOUS: .venv-%/ready.stamp
.venv-%/ready.stamp: tests/extra/%/constraints.txt tools/extra_env.sh | $(ready)
	@tools/extra_env.sh $*
	@touch $@
.venv-%/package.stamp: .venv-%/ready.stamp $(extra_wheel) tools/extra_install.sh
	@tools/extra_install.sh $*
	@touch $@
$(extra_wheel): $(installed)
	@rm -rf build/extra
	@$(PYTHON_IN_VENV) -m pip wheel --quiet --disable-pip-version-check --no-build-isolation --no-deps -w build/extra .
	@touch $@

.PHONY: parity
parity: build  ## the README's table: one set of samples under every trainer, layout and split
	@$(PYTHON_IN_VENV) tests/python/parity.py

.PHONY: test-layers
test-layers: $(ready)  ## no include or import from a room to a later one
	@$(PYTHON_IN_VENV) tools/check_layers.py

.PHONY: lint
lint: build $(dev_built)  ## style and types: clang-format, clang-tidy, ruff, mypy; changes nothing
	@$(PYTHON_IN_VENV) tools/lint.py

.PHONY: format
format: $(ready)  ## bring the sources into the style that lint checks
	@$(PYTHON_IN_VENV) tools/lint.py --fix

.PHONY: bench
bench: build  ## all benchmarks, or one: NAME=row_stats
	@$(PYTHON_IN_VENV) tools/run_bench.py $(NAME)

.PHONY: clean
clean:  ## remove build, dist and runs; .venv stays
	@rm -rf build dist runs
