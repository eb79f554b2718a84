#!/usr/bin/env bash
# Trains over N ranks of this machine (or of a hostfile, see launch/mpirun.sh).
#   launch/train.sh -n N [--dry-run] [omnigen-dist arguments, e.g. --config config/lokr_8gpu/config.json]
# --dry-run prints the command, then the plan for N ranks (omnigen-dist check), and trains nothing.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
program=${OMNIGEN_BUILD_DIR:-$here/../build}/omnigen-dist

usage() { sed -n '2,4s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
if [ $# -lt 2 ] || [ "$1" != -n ] || ! [[ $2 =~ ^[1-9][0-9]*$ ]]; then usage; fi
ranks=$2
shift 2
[ -x "$program" ] || { echo "$program is not there; run launch/setup.sh" >&2; exit 2; }

if [ "${1:-}" = --dry-run ]; then
  shift
  echo "would run: $here/mpirun.sh -n $ranks $program train $*"
  exec "$program" check --np "$ranks" "$@"
fi
exec "$here/mpirun.sh" -n "$ranks" "$program" train "$@"
