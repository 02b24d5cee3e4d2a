#!/bin/bash
# What takes hours: every test, many damaged models and requests under the sanitizers, fuzzing of every reader of foreign bytes,
# a million schedules of the scheduler, determinism and accuracy of all models, the server under load (on a machine that does
# nothing else: times are judged). HEARTH_SOAK_SECONDS sets the time of each fuzzer (default 3600).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/cache.sh
jobs=${JOBS:-$(nproc)}
seconds=${HEARTH_SOAK_SECONDS:-3600}

scripts/setup.sh soak
scripts/build.sh all
fetch_models smollm2:135m gemma3:270m qwen2.5-coder:0.5b qwen2.5-coder:1.5b
python3 tests/load/load.py
HEARTH_IDENTITY=full python3 tests/e2e/identity_test.py
prepare_python
cmake --preset asan > /dev/null
ninja -C build/asan -j "$jobs" --quiet
HEARTH_MUTATIONS=1000 ctest --test-dir build/asan --output-on-failure --timeout 7200
HEARTH_MUTATIONS=50000 build/asan/tests/mutated_gguf_test --gtest_brief=1
HEARTH_MUTATIONS=20000 build/asan/tests/mutated_model_test --gtest_brief=1
HEARTH_PROGRAM=$PWD/build/asan/hearth HEARTH_ABUSE_PATIENCE=6 python3 tests/e2e/abuse_test.py
HEARTH_SCHEDULES=1000000 build/release/engine_test --gtest_brief=1 --gtest_filter='SchedulerSimulation.*'
cmake --preset fuzz > /dev/null
for source in $(git ls-files 'src/*_fuzz.cpp'); do
  fuzzer=$(basename "$source" .cpp)
  ninja -C build/fuzz -j "$jobs" --quiet "$fuzzer"
  corpus=tests/fuzz/corpus/$(basename "$(dirname "$source")")
  work=$(mktemp -d)
  echo "== $fuzzer for $seconds s"
  "build/fuzz/$fuzzer" -max_total_time="$seconds" -timeout=25 -rss_limit_mb=2048 "$work" $([ -d "$corpus" ] && echo "$corpus")
done
scripts/determinism.sh
"$python" tests/accuracy.py
"$python" tests/adapter_accuracy.py
