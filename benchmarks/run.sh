#!/usr/bin/env bash
# The training step beside the Python peer: interleaved in one run, paired ratios, one page in results/.
#
#   benchmarks/run.sh [--rows table|wide|"ROW ..."] [--threads 1] [--repeats 5] [--rounds 2] [--hardware NAME]
#       [--python FILE] [--build DIR] [--memory]
#
# ROW: CONFIG/PIXELS/BATCH/DTYPE/ADAPTERS/BASE, as small/256/1/bf16/attention+mlp/int8. BASE is how our frozen weights
# are multiplied (dense, int8); the peer's are dense. table: the four rows of config small; wide: batch 4, 512 px,
# tiny and one layer of the true width.
# Each repeat runs ours and the peer in three modes, one after the other: as its quick start sets it (weights rebuilt,
# checkpointing), rebuilt alone, and bypass. A run during which other programs used more than 5 % of the machine is
# repeated up to 4 times, then marked. --memory adds 1000 steps whose resident set is watched.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

rows=table threads=1 repeats=5 rounds=2 memory=0 build=$here/../build python=$here/peer/.venv/bin/python
# shellcheck source=benchmarks/hardware.sh
. "$here/hardware.sh"
while [ $# -gt 0 ]; do
  case $1 in
    --rows | --threads | --repeats | --rounds | --hardware | --python | --build) printf -v "${1#--}" %s "$2"; shift 2 ;;
    --memory) memory=1; shift ;;
    *) sed -n '2,/^set/p' "$0" | grep '^#' >&2; exit 2 ;;
  esac
done
name=$rows
case $rows in
  table) rows="small/256/1/bf16/attention/dense small/256/1/fp32/attention/dense
    small/256/1/bf16/attention+mlp/dense small/256/1/bf16/attention/int8" ;;
  wide) rows="small/256/4/bf16/attention/dense small/256/4/fp32/attention/dense small/512/1/bf16/attention/dense
    small/512/1/fp32/attention/dense tiny/256/1/bf16/attention/dense tiny/256/1/fp32/attention/dense
    real-1layer/256/1/bf16/attention/dense" ;;
  *) name=rows ;;
esac
# shellcheck source=benchmarks/record.sh
. "$here/record.sh"
ours=$build/benchmarks/train_step_bench
need_bench "$ours"
[ -x "$python" ] || { echo "no peer environment: $python (benchmarks/peer/README.md)" >&2; exit 2; }
export OMP_NUM_THREADS=$threads

for row in $rows; do
  IFS=/ read -r config px batch dtype adapt base <<<"$row"
  echo "$row" >&2
  common=(--config "$config" --px "$px" --batch "$batch" --dtype "$dtype" --threads "$threads" --adapt "$adapt")
  peer=("$python" "$here/peer/peer_step.py" "${common[@]}" --rounds "$rounds" --lokr)
  for ((i = 0; i < repeats; ++i)); do
    record "$row" ours "$ours" "${common[@]}" --base "$base" --rounds "$rounds" --json
    record "$row" reference "${peer[@]}" rebuild --gc
    record "$row" rebuild "${peer[@]}" rebuild
    record "$row" bypass "${peer[@]}" bypass
  done
  record "$row" roof "$python" "$here/peer/gemm_roof.py" "${common[@]}"
done
if [ "$memory" = 1 ]; then
  echo "memory: 1000 steps" >&2
  record memory memory "$ours" --config tiny --px 256 --dtype bf16 --threads "$threads" --memory --json
fi
page=$here/results/train_step_${name}_${hardware}_$(date +%Y%m).md
"$python" "$here/peer/compare.py" "$runs" "$page"
echo "written: $page" >&2
