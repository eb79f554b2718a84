#!/usr/bin/env bash
# From a fresh clone to validation images, on a machine without a GPU: set-up, a small model of random weights,
# the picture cache on 2 ranks, training on 2 ranks. A second run does only what is missing.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
build=${OMNIGEN_BUILD_DIR:-build}
config=config/quickstart/config.json
ranks=${OMNIGEN_QUICKSTART_RANKS:-2}

# Value of a key of the configuration ("" if it is not there).
setting() { sed -n "s/^ *\"-*$1\" *: *\"\([^\"]*\)\".*/\1/p" "$config" | head -n 1; }

names=()
seconds=()
# part NAME COMMAND...
part() {
  local name=$1 start=$SECONDS
  shift
  printf '\n== %s\n' "$name"
  "$@"
  names+=("$name")
  seconds+=($((SECONDS - start)))
}

make_model() {
  local model
  model=$(setting pretrained_model_name_or_path)
  if [ -e "$model/model_index.json" ]; then
    echo "$model is there"
  else
    "$build/omnigen-cache" make-model --output "$model" --size quickstart
  fi
}

part "set-up" launch/setup.sh
part "model of random weights" make_model
part "cache, $ranks ranks" launch/cache.sh -n "$ranks" --config "$config"
part "training, $ranks ranks" launch/train.sh -n "$ranks" --config "$config"

output=$(setting output_dir)
printf '\n== done in %d s\n' "$SECONDS"
for i in "${!names[@]}"; do printf '  %-28s %5d s\n' "${names[$i]}" "${seconds[$i]}"; done
cat <<T

  images    $output/validation_images/
  adapter   $output/pytorch_lora_weights.safetensors
  logs      $output/logs/metrics.jsonl, and event files for TensorBoard
  state     $build/omnigen-dist status $output
T
