#!/usr/bin/env bash
# Set-up that is missing, build, tests.
#   launch/test.sh [--slow] [ctest arguments, e.g. -L unit, -R comm]
# One entry a program: <module>.unit, .golden, .mpi_2 …; one test of it alone:
#   build/tests/<module>_test --gtest_filter=Suite.Name
# Labels: unit, golden, mpi (2 to 4 ranks), cuda (skipped without a GPU), slow (left out without --slow).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${OMNIGEN_BUILD_DIR:-$root/build}

selection=(-LE slow)
if [ "${1:-}" = --slow ]; then
  selection=()
  shift
fi
"$root/launch/setup.sh"
exec ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$(nproc)" \
  "${selection[@]}" "$@"
