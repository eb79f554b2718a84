#!/usr/bin/env bash
# Trains over N ranks of this machine (or of a hostfile, see launch/mpirun.sh).
#   launch/train.sh [-n N] [--dry-run] [omnigen-dist arguments, e.g. --config config/lokr_8gpu/config.json]
# --dry-run prints the command, then the plan for N ranks (omnigen-dist check), and trains nothing.
# Without -n: TRAINING_NUM_PROCESSES of the environment or of config/config.env, as SimpleTuner has it, else 1.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
program=${OMNIGEN_BUILD_DIR:-$here/../build}/omnigen-dist

usage() { sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
# The last assignment of TRAINING_NUM_PROCESSES in a file of them, without its quotes.
processes_in() {
  [ ! -f "$1" ] || sed -n "s/^ *\(export  *\)\{0,1\}TRAINING_NUM_PROCESSES=[\"']\{0,1\}\([^\"' ]*\).*/\2/p" "$1" | tail -n 1
}
if [ "${1:-}" = -n ]; then
  [ $# -ge 2 ] || usage
  ranks=$2
  shift 2
else
  ranks=${TRAINING_NUM_PROCESSES:-$(processes_in config/config.env)}
  ranks=${ranks:-1}
fi
[[ $ranks =~ ^[1-9][0-9]*$ ]] || { echo "train.sh: \"$ranks\" is no number of ranks" >&2; usage; }
[ -x "$program" ] || { echo "$program is not there; run launch/setup.sh" >&2; exit 2; }

if [ "${1:-}" = --dry-run ]; then
  shift
  echo "would run: $here/mpirun.sh -n $ranks $program train $*"
  exec "$program" check --np "$ranks" "$@"
fi
exec "$here/mpirun.sh" -n "$ranks" "$program" train "$@"
