# Sets `hardware`, the name of this machine in the pages of results/: amd-epyc-2core. Sourced by the benchmarks.
# shellcheck shell=bash
# shellcheck disable=SC2034
hardware=$(awk -F': ' '/^model name/ {print $2; exit}' /proc/cpuinfo | tr -cs 'A-Za-z0-9\n' '-' | tr '[:upper:]' '[:lower:]')
hardware=${hardware%-}-$(nproc)core
