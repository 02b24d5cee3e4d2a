# The commands of the project. Each target says what it does: `make help`. The work is in scripts/.
MODEL ?=
PROMPT ?=
OPTIONS ?=
JOBS ?= $(shell nproc)
export JOBS

.DEFAULT_GOAL := help
.PHONY: help build run test bench accuracy determinism soak fmt clean

help: ## this list
	@grep -E '^[a-z]+: .*##' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 14

build: ## installs what is missing and builds the program: build/hearth
	@scripts/build.sh

run: build ## chats with a model; MODEL=name and PROMPT="text" are optional
	@scripts/run.sh '$(subst ','\'',$(value MODEL))' '$(subst ','\'',$(value PROMPT))'

test: ## everything that must hold: unit tests, sanitizers, real models against their references
	@scripts/test.sh

bench: build ## speed beside llama.cpp and the machine's limits; OPTIONS="--quick" or others of bench/README.md
	@scripts/bench.sh $(OPTIONS)

accuracy: build ## agreement with float32 arithmetic on all models, beside llama.cpp's
	@scripts/measure.sh tests/accuracy.py

determinism: build ## one hash of logits over threads, chunks, instruction sets and shared prefixes
	@scripts/determinism.sh

soak: ## hours: fuzzing, many damaged models and requests under sanitizers, accuracy and determinism of all models
	@scripts/soak.sh

fmt: ## formats the C++ sources
	@scripts/setup.sh format
	@git ls-files '*.cpp' '*.h' | xargs clang-format-14 -i

clean: ## removes build/
	rm -rf build
