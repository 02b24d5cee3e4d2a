#!/bin/sh
# Builds the release program and leaves it at build/hearth. `build.sh all` builds the tests too.
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh build
[ -f build/release/build.ninja ] || echo "build: the first build takes a few minutes"
cmake --preset release > build-release.log 2>&1 || { cat build-release.log >&2; rm -f build-release.log; exit 1; }
rm -f build-release.log
target=hearth
[ "${1:-}" != all ] || target=all
ninja -C build/release -j "${JOBS:-$(nproc)}" "$target"
ln -sf release/hearth build/hearth
