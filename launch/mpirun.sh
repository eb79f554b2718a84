#!/usr/bin/env bash
# Starts N ranks of a program: mpirun with the options this project wants.
#   launch/mpirun.sh -n N program [arguments]
# Ranks are not bound to cores (data loading uses threads), may be more than there are cores, and
# may run as root where the user is root. OMNIGEN_MPIRUN names another mpirun,
# OMNIGEN_MPIRUN_OPTIONS adds options, e.g. "--hostfile hosts --map-by ppr:8:node".
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

if [ $# -lt 3 ] || [ "$1" != -n ] || ! [[ $2 =~ ^[1-9][0-9]*$ ]]; then
  sed -n '2,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
  exit 2
fi
ranks=$2
shift 2

# On several hosts: OMNIGEN_RANKS_PER_HOST, for the threads of a rank.
export OMNIGEN_RANKS_PER_HOST=${OMNIGEN_RANKS_PER_HOST:-$ranks}
# shellcheck source=launch/env.sh
. "$here/env.sh"

options=(--bind-to none --oversubscribe)
if [ "$(id -u)" -eq 0 ]; then options+=(--allow-run-as-root); fi
read -ra more <<<"${OMNIGEN_MPIRUN_OPTIONS:-}"
# On one host our own fatal: line says what mpirun's page-long comments would, also after a mere 75.
if [ ${#more[@]} -eq 0 ]; then
  options+=(--quiet)
  command -v "$1" >/dev/null || { echo "mpirun.sh: no program $1" >&2; exit 2; }
fi
exec "${OMNIGEN_MPIRUN:-mpirun}" -n "$ranks" "${options[@]}" "${more[@]}" "$@"
