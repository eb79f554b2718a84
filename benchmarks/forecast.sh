#!/usr/bin/env bash
# What a run is forecast to take beside what it then takes, over eight configurations; one page in results/.
#
#   benchmarks/forecast.sh [--build DIR] [--steps 22] [--hardware NAME]
#
# A model with random weights (hidden 768, 8 layers) and the one of the quick start, the quick start's pictures.
# Memory is the peak resident set of rank 0, time a step's passes and reduction: the figures of the log's line.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/..
build=$root/build steps=22
# shellcheck source=benchmarks/hardware.sh
. "$here/hardware.sh"
while [ $# -gt 0 ]; do
  case $1 in
    --build | --steps | --hardware) printf -v "${1#--}" %s "$2"; shift 2 ;;
    *) sed -n '2,/^set/p' "$0" | grep '^#' >&2; exit 2 ;;
  esac
done
build=$(cd "$build" && pwd)
export OMNIGEN_BUILD_DIR=$build
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$root"

"$build/omnigen-cache" make-model --output "$work/small" --size small --dtype bf16 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
cp config/quickstart/lycoris_config.json "$work/lycoris.json"

# write_config NAME MODEL PIXELS
write_config() {
  cat >"$work/$1.data.json" <<EOF
[{"id": "pictures", "type": "local", "instance_data_dir": "config/quickstart/shapes",
  "cache_dir_vae": "$work/cache-$(basename "$2")-$3", "caption_strategy": "textfile", "crop": false,
  "resolution": $3, "resolution_type": "pixel", "repeats": 10}]
EOF
  cat >"$work/$1.json" <<EOF
{"model_family": "omnigen", "model_type": "lora", "lora_type": "lycoris", "lycoris_config": "$work/lycoris.json",
 "pretrained_model_name_or_path": "$2", "data_backend_config": "$work/$1.data.json", "output_dir": "$work/run-$1",
 "mixed_precision": "bf16", "optimizer": "adamw_bf16", "learning_rate": 1e-4, "lr_scheduler": "constant", "gradient_checkpointing": false,
 "max_train_steps": $steps, "num_train_epochs": 0, "train_batch_size": 1, "checkpointing_steps": 100000,
 "validation_disable": true, "validation_prompt": "a star", "seed": 42, "final_checkpoint": false}
EOF
}

page=$here/results/forecast_${hardware}_$(date +%Y%m).md
table=$work/table
# row NAME RANKS MODEL PIXELS OPTIONS...: one line of the table.
row() {
  local name=$1 ranks=$2 model=$3 pixels=$4
  shift 4
  echo "$name" >&2
  write_config "$name" "$model" "$pixels"
  launch/cache.sh -n 1 --config "$work/$name.json" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
  launch/train.sh -n "$ranks" --config "$work/$name.json" "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
  sed -n 's/.*steps: a step takes \(.*\) s (\(.*\) forecast, \(.*\) %), memory \(.*\) GiB (\(.*\) forecast, \(.*\) %).*/\2 \1 \3 \5 \4 \6/p' \
    "$work/log" | while read -r forecast_s took_s time_off forecast_gib took_gib memory_off; do
    recomputed=$(sed -n 's/.*computed again in the backward pass: //p' "$work/log" | head -n 1)
    echo "| $name | $ranks | $recomputed | $forecast_s | $took_s | $time_off % | $forecast_gib | $took_gib | $memory_off % |"
  done >>"$table"
}

small=$work/small
row bf16-256px-1 1 "$small" 256
row bf16-256px-4 1 "$small" 256 --train_batch_size 4
row bf16-512px-1 1 "$small" 512
row float32-256px-1 1 "$small" 256 --mixed_precision no --optimizer torch-adamw
row int8-256px-4 1 "$small" 256 --train_batch_size 4 --base_model_precision int8-dynamic
row checkpointed-256px-4 1 "$small" 256 --train_batch_size 4 --gradient_checkpointing true
row whole-model-256px-2 1 "$small" 256 --train_batch_size 2 --model_type full
row quickstart-128px-8 2 config/quickstart/model 128 --train_batch_size 8

{
  echo "# Forecast and measured: memory and time of a step"
  echo
  echo "Made by \`benchmarks/forecast.sh\`: what the log says before the first step beside 18 steps of the run."
  echo
  echo "- commit $(git rev-parse --short=12 HEAD)"
  echo "- machine: $hardware; all cores shared out to the ranks; memory is the peak resident set of a rank"
  echo
  echo "| configuration | ranks | computed again | forecast s | measured s | off | forecast GiB | measured GiB | off |"
  echo "|---|---|---|---|---|---|---|---|---|"
  cat "$table"
} >"$page"
cat "$table" >&2
echo "written: $page" >&2
