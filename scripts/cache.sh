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

# prepare_clients: installs the public clients that tests/clients drives, from PyPI and npm, if they are not there; sets
# $client_python, and $client_modules with the Node that runs them in it. Install scripts of packages are not run.
prepare_clients() {
  environment=$cache_root/clients-python-$(sha256sum tests/clients/requirements.txt | cut -c1-12)
  client_python=$environment/bin/python
  if [ ! -e "$environment/complete" ]; then
    echo "test: installing the clients' Python packages into $environment"
    rm -rf "$environment"
    mkdir -p "$cache_root"
    python3 -m venv "$environment" &&
      "$client_python" -m pip install --quiet --disable-pip-version-check -r tests/clients/requirements.txt &&
      touch "$environment/complete" || return 1
  fi
  client_modules=$cache_root/clients-node-$(cat tests/clients/package.json tests/clients/package-lock.json | sha256sum | cut -c1-12)
  if [ ! -e "$client_modules/complete" ]; then
    scripts/setup.sh npm || return 1
    echo "test: installing the clients' npm packages into $client_modules"
    rm -rf "$client_modules"
    mkdir -p "$client_modules"
    cp tests/clients/package.json tests/clients/package-lock.json "$client_modules/"
    (cd "$client_modules" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) && touch "$client_modules/complete"
  fi
}

# prepare_ajv: installs the validator that grammars of JSON schemas are compared with, if it is not there; sets $ajv_modules.
prepare_ajv() {
  ajv_modules=$cache_root/grammar-node-$(cat tests/grammar/package.json tests/grammar/package-lock.json | sha256sum | cut -c1-12)
  [ ! -e "$ajv_modules/complete" ] || return 0
  scripts/setup.sh npm || return 1
  rm -rf "$ajv_modules"
  mkdir -p "$ajv_modules"
  cp tests/grammar/package.json tests/grammar/package-lock.json "$ajv_modules/"
  (cd "$ajv_modules" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) && touch "$ajv_modules/complete"
}
