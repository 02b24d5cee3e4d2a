#!/bin/sh
# Installs the packages that are missing, with apt-get: `setup.sh build`, `setup.sh test` (build and more), `soak`, `format`, `npm`.
# Says what it installs and why it needs root; does nothing where everything is there. Other systems: prints what is needed.
set -eu

build="g++ cmake ninja-build pkg-config ccache mold libcli11-dev libtomlplusplus-dev nlohmann-json3-dev libedit-dev
  libssl-dev libarchive-dev libicu-dev libpcre2-dev libsimdjson-dev libboost1.81-dev libseccomp-dev libgtest-dev libgmock-dev ca-certificates"
test="libsimde-dev binutils iproute2"
format="clang-format-14"
soak="clang-14 libclang-rt-14-dev"

case "${1:-build}" in
  build) wanted=$build ;;
  test) wanted="$build $test" ;;
  format) wanted=$format ;;
  soak) wanted="$build $test $soak" ;;
  npm) command -v npm > /dev/null && exit 0; wanted=npm ;;  # fetches clients for the tests; one of one's own is as good
  *) echo "usage: setup.sh [build|test|soak|format|npm]" >&2; exit 2 ;;
esac
# A python3 of one's own is as good as Debian's.
[ "${1:-build}" = format ] || python3 -m pip --version > /dev/null 2>&1 || wanted="$wanted python3 python3-pip"
case "${1:-build}" in build|format) ;; *) python3 -c 'import ensurepip, venv' 2> /dev/null || wanted="$wanted python3-venv" ;; esac

if ! command -v dpkg-query > /dev/null || ! command -v apt-get > /dev/null; then
  echo "setup: this is no Debian; install what matches these Debian packages yourself:" $wanted >&2
  exit 0
fi

missing=
for package in $wanted; do
  status=$(dpkg-query -W -f='${Status}' "$package" 2> /dev/null || true)
  [ "$status" = "install ok installed" ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
  if command -v sudo > /dev/null; then
    as_root=sudo
  else
    echo "setup: please run as root: apt-get install --no-install-recommends$missing" >&2
    exit 1
  fi
fi
echo "setup: installing with ${as_root:+$as_root }apt-get:$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { $as_root apt-get update && $as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends $missing; } > "$log" 2>&1 < /dev/null; then
  tail -n 20 "$log" >&2
  echo "setup: apt-get failed; its last words are above" >&2
  exit 1
fi
