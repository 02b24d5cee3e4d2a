# Sourced after cache.sh: the programs we compare with, built from source for this machine.
#   HEARTH_PEER_PYTHON      an interpreter that has llama-cpp-python already; nothing is built then
#   HEARTH_IK_PEER_PYTHON   the same for ik-llama-cpp-python
#   HEARTH_PEER_SERVER_PYTHON   an interpreter that has xllamacpp, which carries llama.cpp's server; nothing is installed then

# prepare_peer NAME ISA: makes the environment of bench/peers/NAME.txt if it is not there; sets $peer_python.
# The library is compiled here, since wheels of others are made for any processor: with every instruction that this one has
# (ISA native), or with those of lesser ones only (avx2, avxvnni).
prepare_peer() {
  case "$1" in
    llama.cpp) peer_python=${HEARTH_PEER_PYTHON:-} ;;
    ik_llama.cpp) peer_python=${HEARTH_IK_PEER_PYTHON:-} ;;
    *) echo "bench: there is no peer $1" >&2; return 1 ;;
  esac
  [ -z "$peer_python" ] || return 0
  requirements=bench/peers/$1.txt
  peer_flags='-DGGML_NATIVE=OFF -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON -DGGML_BMI2=ON'
  case "$2" in
    native) peer_flags='-DGGML_NATIVE=ON' ;;
    avx2) ;;
    avxvnni) peer_flags="$peer_flags -DGGML_AVX_VNNI=ON" ;;
    *) echo "bench: peers are built for native, avx2 or avxvnni, not $2" >&2; return 1 ;;
  esac
  peer_flags="$peer_flags -DCMAKE_BUILD_TYPE=Release"
  key=$({ cat "$requirements"; echo "$peer_flags"; grep -m1 '^flags' /proc/cpuinfo; } | sha256sum | cut -c1-12)
  environment=$cache_root/peer-$1-$key
  peer_python=$environment/bin/python
  [ ! -e "$environment/build.txt" ] || return 0
  echo "bench: building $1 ($2) into $environment, once; this takes minutes"
  rm -rf "$environment"
  mkdir -p "$cache_root"
  python3 -m venv "$environment" || return 1
  CMAKE_ARGS=$peer_flags CMAKE_BUILD_PARALLEL_LEVEL=${JOBS:-$(nproc)} "$peer_python" -m pip install \
    --disable-pip-version-check --no-cache-dir --no-binary "$(sed 's/==.*//' "$requirements")" -r "$requirements" \
    > "$environment/build.log" 2>&1 || { tail -n 20 "$environment/build.log" >&2; return 1; }
  echo "$peer_flags, $(${CXX:-c++} --version | head -n 1)" > "$environment/build.txt"
}

# prepare_peer_server: installs the environment of bench/peers/llama-server.txt if it is not there; sets $peer_python.
# Its wheel is made for any processor with AVX2; building it needs more than a C++ compiler.
prepare_peer_server() {
  peer_python=${HEARTH_PEER_SERVER_PYTHON:-}
  [ -z "$peer_python" ] || return 0
  requirements=bench/peers/llama-server.txt
  environment=$cache_root/peer-server-$(sha256sum "$requirements" | cut -c1-12)
  peer_python=$environment/bin/python
  [ ! -e "$environment/complete" ] || return 0
  echo "bench: installing llama.cpp's server into $environment, once"
  rm -rf "$environment"
  mkdir -p "$cache_root"
  python3 -m venv "$environment" &&
    "$peer_python" -m pip install --disable-pip-version-check --quiet -r "$requirements" && touch "$environment/complete"
}
