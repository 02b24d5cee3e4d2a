#!/bin/sh
# bench.sh [OPTIONS]: runs bench/bench.py with what it needs from the system. Options are those of bench.py.
set -eu
cd "$(dirname "$0")/.."
. scripts/cache.sh
scripts/setup.sh test
exec python3 bench/bench.py "$@"
