#!/usr/bin/env bash
# The same 500 steps in every precision: losses side by side, and how far they part; one page in results/.
#
#   benchmarks/loss_curves.sh [--build DIR] [--steps 500] [--batch 4] [--hardware NAME]
#
# The quick start's model, pictures and adapter, without its evaluations and images. Samples, noises and times are
# the same in every run. The readable form of a block against its own pass is a test (train.PrecisionTest).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/..
build=$root/build steps=500 batch=4
# shellcheck source=benchmarks/hardware.sh
. "$here/hardware.sh"
while [ $# -gt 0 ]; do
  case $1 in
    --build | --steps | --batch | --hardware) printf -v "${1#--}" %s "$2"; shift 2 ;;
    *) sed -n '2,/^set/p' "$0" | grep '^#' >&2; exit 2 ;;
  esac
done
build=$(cd "$build" && pwd)
export OMNIGEN_BUILD_DIR=$build
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$root"
sed "s#cache/quickstart#$work/cache#" config/quickstart/multidatabackend.json >"$work/data.json"
common=(--config config/quickstart/config.json --data_backend_config "$work/data.json")
launch/cache.sh -n 1 "${common[@]}" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }

# run NAME OPTIONS...: the loss of every step, one a line.
run() {
  local name=$1
  shift
  echo "$name" >&2
  launch/train.sh -n 1 "${common[@]}" --output_dir "$work/$name" --max_train_steps "$steps" \
    --train_batch_size "$batch" --optimizer torch-adamw --checkpointing_steps 1000000 --final_checkpoint false \
    --validation_disable true --validation_steps 0 --eval_loss_disable true --use_ema false --report_to none \
    "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
  sed -n 's/.*"train_loss": *\([^,}]*\).*/\1/p' "$work/$name/logs/metrics.jsonl" >"$work/$name.losses"
}
run float32 --mixed_precision no
run bf16
run int8 --base_model_precision int8-dynamic
run fp8 --base_model_precision fp8-torchao

page=$here/results/loss_curves_${hardware}_$(date +%Y%m).md
{
  echo "# Losses in every precision"
  echo
  echo "Made by \`benchmarks/loss_curves.sh\`: $steps steps of the quick start's run, $batch pictures a step, the same samples,"
  echo "noises and times in each. A loss below is the mean of 50 steps; the differences are from float32, step by step."
  echo
  echo "| steps | float32 | bf16 | int8 base | fp8 base |"
  echo "|---|---|---|---|---|"
  paste "$work"/{float32,bf16,int8,fp8}.losses | awk '
    {for (i = 1; i <= 4; ++i) sum[i] += $i}
    NR % 50 == 0 {
      printf "| %d to %d |", NR - 49, NR
      for (i = 1; i <= 4; ++i) {printf " %.4f |", sum[i] / 50; sum[i] = 0}
      print ""
    }'
  paste "$work"/{float32,bf16,int8,fp8}.losses | awk '
    {for (i = 2; i <= 4; ++i) {d = $i - $1; if (d < 0) d = -d; if (d > most[i]) most[i] = d; total[i] += $i - $1}}
    END {
      printf "| largest difference of a step | |"; for (i = 2; i <= 4; ++i) printf " %.4f |", most[i]
      printf "\n| mean difference | |"; for (i = 2; i <= 4; ++i) printf " %+.5f |", total[i] / NR
      print ""
    }'
} >"$page"
tail -n 13 "$page" >&2
echo "written: $page" >&2
