#!/bin/sh
# One hash of logits over everything that must not be seen in them; tables that this CPU cannot run are emulated.
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh test
cmake --preset release > /dev/null
ninja -C build/release -j "${JOBS:-$(nproc)}" hearth_simde
exec scripts/measure.sh tests/determinism.py --emulated build/release/tests/simde/hearth_simde "$@"
