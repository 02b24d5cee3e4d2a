# Sourced by the other scripts: where tests keep what they fetch, outside the tree and shared by all checkouts.
#   HEARTH_MODEL_CACHE   model files for the tests, named like smollm2-135m.gguf
#   cache_root           the Python environment of the tests, and the library that models are pulled into
cache_root=${XDG_CACHE_HOME:-$HOME/.cache}/hearth
export HEARTH_MODEL_CACHE="${HEARTH_MODEL_CACHE:-$cache_root/models}"

# fetch_models NAME...: pulls what is missing and makes it visible in the model cache.
fetch_models() {
  mkdir -p "$HEARTH_MODEL_CACHE" "$cache_root/home"
  for name in "$@"; do
    target=$HEARTH_MODEL_CACHE/$(echo "$name" | tr : -).gguf
    [ ! -e "$target" ] || continue
    HEARTH_HOME=$cache_root/home build/hearth pull "$name" || return 1
    path=$(HEARTH_HOME=$cache_root/home build/hearth show "$name" --json | sed -n 's/^  "path": "\(.*\)",$/\1/p')
    ln -s "$path" "$target.new" && mv -f "$target.new" "$target"
  done
}

# prepare_python: makes the environment of tests/oracle/requirements.txt if it is not there; sets $python.
prepare_python() {
  requirements=tests/oracle/requirements.txt
  environment=$cache_root/python-$(sha256sum "$requirements" | cut -c1-12)
  python=$environment/bin/python
  [ ! -e "$environment/complete" ] || return 0
  echo "test: installing the reference implementations (PyTorch and others) into $environment"
  rm -rf "$environment"
  mkdir -p "$cache_root"
  python3 -m venv "$environment" &&
    "$python" -m pip install --quiet --disable-pip-version-check -r "$requirements" &&
    touch "$environment/complete"
}
