#!/bin/sh
# bench.sh [OPTIONS]: runs bench/bench.py with the models and the peer at hand. Options are those of bench.py; with --help,
# --list or --only hearth no peer is built.
set -eu
cd "$(dirname "$0")/.."
. scripts/cache.sh
. scripts/peer.sh
scripts/setup.sh test
case " $* " in
  *" --help "* | *" -h "* | *" --list "* | *" --only hearth "* | *" --only=hearth "*) exec python3 bench/bench.py "$@" ;;
esac
prepare_peer
exec python3 bench/bench.py --peer-python "$peer_python" "$@"
