#!/usr/bin/env bash
# The training step beside the Python peer: interleaved in one run, paired ratios, one page in results/.
#
#   benchmarks/run_vs_peer.sh [--configs "tiny small"] [--batches "1 4"] [--dtypes "fp32 bf16"] [--px 256]
#       [--threads 1] [--adapt attention] [--repeats 3] [--rounds 5] [--hardware NAME] [--python FILE]
#       [--build DIR] [--no_memory]
#
# Each repeat runs ours, the peer in rebuild mode and the peer in bypass mode, one after the other. A run
# during which other programs used more than 5 % of the machine is repeated up to 4 times, then marked.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

configs="tiny small" batches="1 4" dtypes="fp32 bf16" px=256 threads=1 adapt=attention
repeats=3 rounds=5 memory=1 build=$here/../build python=$here/peer/.venv/bin/python
hardware=$(awk -F': ' '/^model name/ {print $2; exit}' /proc/cpuinfo | tr -cs 'A-Za-z0-9\n' '-' | tr 'A-Z' 'a-z')
hardware=${hardware%-}-$(nproc)core
while [ $# -gt 0 ]; do
  case $1 in
    --configs | --batches | --dtypes | --px | --threads | --adapt | --repeats | --rounds | --hardware | \
      --python | --build) printf -v "${1#--}" %s "$2"; shift 2 ;;
    --no_memory) memory=0; shift ;;
    *) sed -n '2,/^set/p' "$0" | grep '^#' >&2; exit 2 ;;
  esac
done
ours=$build/benchmarks/train_step_bench
[ -x "$ours" ] || { echo "not built: $ours (cmake --build build --target train_step_bench)" >&2; exit 2; }
[ -x "$python" ] || { echo "no peer environment: $python (benchmarks/peer/README.md)" >&2; exit 2; }
export OMP_NUM_THREADS=$threads
runs=$(mktemp)
trap 'rm -f "$runs"' EXIT

# record PROGRAM COMMAND...: appends the command's JSON to $runs, again while others are busy.
record() {
  local program=$1 result others attempt
  shift
  for attempt in 1 2 3 4 5; do
    result=$("$@" 2>/dev/null | tail -1)
    others=$(sed -n 's/.*"others_cpu": *\([0-9.e-]*\).*/\1/p' <<<"$result")
    echo "  $program: others_cpu ${others:-none}" >&2
    awk -v x="${others:-0}" 'BEGIN { exit !(x <= 0.05) }' && break
    sleep $((attempt * 5))
  done
  printf '{"program": "%s", "result": %s}\n' "$program" "$result" >>"$runs"
}

for config in $configs; do
  for dtype in $dtypes; do
    for batch in $batches; do
      echo "$config $dtype batch $batch" >&2
      common=(--config "$config" --px "$px" --batch "$batch" --dtype "$dtype" --threads "$threads" --adapt "$adapt")
      for ((i = 0; i < repeats; ++i)); do
        record ours "$ours" "${common[@]}" --rounds "$rounds" --json
        record rebuild "$python" "$here/peer/peer_step.py" "${common[@]}" --rounds "$rounds" --lokr rebuild
        record bypass "$python" "$here/peer/peer_step.py" "${common[@]}" --rounds "$rounds" --lokr bypass
      done
      record roof "$python" "$here/peer/gemm_roof.py" "${common[@]}"
    done
  done
done
if [ "$memory" = 1 ]; then
  echo "memory: 1000 steps" >&2
  record memory "$ours" --config tiny --px "$px" --dtype bf16 --threads "$threads" --memory --json
fi
page=$here/results/train_step_${hardware}_$(date +%Y%m).md
"$python" "$here/peer/compare.py" "$runs" "$page"
echo "written: $page" >&2
