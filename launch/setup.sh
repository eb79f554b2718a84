#!/usr/bin/env bash
# Everything a fresh clone needs: system packages, libtorch, build. Run it as often as you like; what is
# done already takes a second.
#   launch/setup.sh [--no-build]
#
# Of your own (clusters have modules), each through the environment:
#   OMNIGEN_TORCH_DIR   a libtorch 2.11 (folder with include/ and lib/) instead of the wheel in .venv
#   OMNIGEN_MPI_HOME    an MPI (folder with bin/mpicc) instead of Debian's Open MPI
#   OMNIGEN_HDF5_ROOT   an HDF5 instead of Debian's
#   OMNIGEN_BUILD_DIR   where to build (default: build)
#   OMNIGEN_CMAKE_ARGS  further options for CMake, e.g. "-DOMNIGEN_NATIVE=ON"
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${OMNIGEN_BUILD_DIR:-$root/build}
torch_version=2.11.0
# shellcheck source=launch/packages.sh
. "$root/launch/packages.sh"

build_wanted=yes
case ${1:-} in
  "") ;;
  --no-build) build_wanted=no ;;
  *) sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac

# part NAME COMMAND...   Runs a part of the set-up and tells how long it took.
part() {
  local name=$1 start=$SECONDS
  shift
  echo "set-up: $name"
  "$@" || { echo "set-up: $name failed" >&2; exit 1; }
  echo "set-up: $name done in $((SECONDS - start)) s"
}

system_packages() {
  local packages=(
    build-essential cmake ninja-build ccache pkg-config python3-venv
    nlohmann-json3-dev libboost-program-options-dev libspdlog-dev libgtest-dev libgmock-dev
    libvips-dev libglib2.0-dev libprotobuf-dev protobuf-compiler libssl-dev libxxhash-dev
    libjs-chart.js)
  [ -n "${OMNIGEN_MPI_HOME:-}" ] || packages+=(libopenmpi-dev openmpi-bin)
  [ -n "${OMNIGEN_HDF5_ROOT:-}" ] || packages+=(libhdf5-dev)
  if ! command -v dpkg-query >/dev/null; then
    echo "  not a Debian or Ubuntu: CMake will say which of these libraries it cannot find:" >&2
    echo "  ${packages[*]}" >&2
    return 0
  fi
  ensure_packages "${packages[@]}"
}

installed_torch() {
  sed -n "s/^__version__ = '\([^+']*\).*/\1/p" \
    "$root"/.venv/lib/python3*/site-packages/torch/version.py 2>/dev/null || true
}

libtorch() {
  if [ -n "${OMNIGEN_TORCH_DIR:-}" ]; then
    echo "  using $OMNIGEN_TORCH_DIR"
    [ -e "$OMNIGEN_TORCH_DIR/lib/libtorch_cpu.so" ] && return
    echo "OMNIGEN_TORCH_DIR: no lib/libtorch_cpu.so in $OMNIGEN_TORCH_DIR" >&2
    return 1
  fi
  [ "$(installed_torch)" != "$torch_version" ] || return 0
  echo "  the wheel torch==$torch_version into .venv: 4.6 GB with its CUDA libraries, some minutes"
  [ -x "$root/.venv/bin/python" ] || python3 -m venv "$root/.venv"
  "$root/.venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    "torch==$torch_version"
}

# One compiler needs up to 1.5 GB.
num_jobs() {
  local cores memory_gb
  cores=$(nproc)
  memory_gb=$(awk '/MemAvailable/ { print int($2 / 1048576) }' /proc/meminfo)
  local jobs=$((memory_gb * 2 / 3))
  [ "$jobs" -lt "$cores" ] || jobs=$cores
  [ "$jobs" -ge 1 ] || jobs=1
  echo "$jobs"
}

configure() {
  local options=(-G Ninja -DCMAKE_BUILD_TYPE=Release)
  [ -z "${OMNIGEN_TORCH_DIR:-}" ] || options+=("-DOMNIGEN_TORCH_DIR=$OMNIGEN_TORCH_DIR")
  [ -z "${OMNIGEN_MPI_HOME:-}" ] || options+=("-DMPI_HOME=$OMNIGEN_MPI_HOME")
  [ -z "${OMNIGEN_HDF5_ROOT:-}" ] || options+=("-DHDF5_ROOT=$OMNIGEN_HDF5_ROOT")
  local more
  read -ra more <<<"${OMNIGEN_CMAKE_ARGS:-}"
  local log
  log=$(mktemp)
  cmake -S "$root" -B "$build" "${options[@]}" "${more[@]}" >"$log" 2>&1 ||
    { tail -n 30 "$log" >&2; return 1; }
  grep -E '^-- (libtorch|GPU and NCCL):' "$log" | sed 's/^--/ /'
  rm -f "$log"
}

compile() { cmake --build "$build" -j "$(num_jobs)"; }

part "system packages" system_packages
part "libtorch $torch_version" libtorch
if [ "$build_wanted" = yes ]; then
  part "configure" configure
  part "build" compile
fi
echo "set-up: complete in $SECONDS s"
