#!/usr/bin/env bash
# Encodes a data set over N ranks of this machine (or of a hostfile, see launch/mpirun.sh).
#   launch/cache.sh -n N [--dry-run] [omnigen-cache build arguments, e.g. --config config/quickstart/config.json]
# --dry-run prints the command, then what would be encoded (omnigen-cache build --plan).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
program=${OMNIGEN_BUILD_DIR:-$here/../build}/omnigen-cache

usage() { sed -n '2,4s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
if [ $# -lt 2 ] || [ "$1" != -n ] || ! [[ $2 =~ ^[1-9][0-9]*$ ]]; then usage; fi
ranks=$2
shift 2
[ -x "$program" ] || { echo "$program is not there; run launch/setup.sh" >&2; exit 2; }

if [ "${1:-}" = --dry-run ]; then
  shift
  echo "would run: $here/mpirun.sh -n $ranks $program build $*"
  exec "$program" build --plan "$@"
fi
exec "$here/mpirun.sh" -n "$ranks" "$program" build "$@"
