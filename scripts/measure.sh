#!/bin/sh
# measure.sh SCRIPT [ARGUMENTS]: runs a Python script of tests/ over all real models, with what it needs at hand.
set -eu
cd "$(dirname "$0")/.."
. scripts/cache.sh
scripts/setup.sh test
fetch_models smollm2:135m gemma3:270m qwen2.5-coder:0.5b qwen2.5-coder:1.5b
prepare_python
exec "$python" "$@"
