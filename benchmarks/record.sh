# shellcheck shell=bash
# Sourced by run.sh and compare.sh: runs of programs that print one JSON object, kept in the file $runs.
runs=$(mktemp)
trap 'rm -f "$runs"' EXIT

need_bench() {
  [ -x "$1" ] || { echo "not built: $1 (cmake --build build --target train_step_bench)" >&2; exit 2; }
}

# record ROW PROGRAM COMMAND...: adds the command's JSON to $runs, once more while other programs are busy.
record() {
  local row=$1 program=$2 result others attempt
  shift 2
  for attempt in 1 2 3 4 5; do
    result=$("$@" 2>/dev/null | tail -1)
    others=$(sed -n 's/.*"others_cpu": *\([0-9.e-]*\).*/\1/p' <<<"$result")
    echo "  $program: others_cpu ${others:-none}" >&2
    awk -v x="${others:-0}" 'BEGIN { exit !(x <= 0.05) }' && break
    sleep $((attempt * 5))
  done
  printf '{"row": "%s", "program": "%s", "result": %s}\n' "$row" "$program" "$result" >>"$runs"
}
