# Sourced by bench.sh after cache.sh: the program we compare with, built from source for this machine.
#   HEARTH_PEER_PYTHON   an interpreter that has it already; nothing is built then

# prepare_peer: makes the environment of bench/peer_requirements.txt if it is not there; sets $peer_python.
# The library is compiled here, with every instruction that this processor has: wheels of others are made for any.
prepare_peer() {
  peer_python=${HEARTH_PEER_PYTHON:-}
  [ -z "$peer_python" ] || return 0
  peer_flags='-DGGML_NATIVE=ON -DCMAKE_BUILD_TYPE=Release'
  key=$({ cat bench/peer_requirements.txt; echo "$peer_flags"; grep -m1 '^flags' /proc/cpuinfo; } | sha256sum | cut -c1-12)
  environment=$cache_root/peer-$key
  peer_python=$environment/bin/python
  [ ! -e "$environment/build.txt" ] || return 0
  echo "bench: building llama.cpp for this processor into $environment, once; this takes minutes"
  rm -rf "$environment"
  mkdir -p "$cache_root"
  python3 -m venv "$environment" || return 1
  CMAKE_ARGS=$peer_flags CMAKE_BUILD_PARALLEL_LEVEL=${JOBS:-$(nproc)} "$peer_python" -m pip install \
    --disable-pip-version-check --no-cache-dir --no-binary llama-cpp-python -r bench/peer_requirements.txt \
    > "$environment/build.log" 2>&1 || { tail -n 20 "$environment/build.log" >&2; return 1; }
  echo "$peer_flags, $(${CXX:-c++} --version | head -n 1)" > "$environment/build.txt"
}
