#!/usr/bin/env bash
# From a fresh clone to a model that has learnt something new, on a machine without a GPU: set-up, the picture cache, training of
# an adapter on 2 ranks, and how often the model draws what it is asked for, before and after. The small model and its
# pictures lie in config/quickstart (docs/quickstart-model.md). A second run does only what is missing.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
build=${OMNIGEN_BUILD_DIR:-build}
config=config/quickstart/config.json
ranks=${OMNIGEN_QUICKSTART_RANKS:-2}
pictures=${OMNIGEN_QUICKSTART_PICTURES:-60}  # measured of each kind

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

output=$(setting output_dir)
part "set-up" launch/setup.sh
part "cache, $ranks ranks" launch/cache.sh -n "$ranks" --config "$config"
part "training, $ranks ranks" launch/train.sh -n "$ranks" --config "$config"
part "measure, before and after" config/quickstart/measure.sh "$output" "$pictures" "$ranks"

printf '\n== done in %d s\n' "$SECONDS"
for i in "${!names[@]}"; do printf '  %-28s %5d s\n' "${names[$i]}" "${seconds[$i]}"; done
cat <<T

  images    $output/validation_images/
  adapter   $output/pytorch_lora_weights.safetensors
  logs      $output/logs/metrics.jsonl, and event files for TensorBoard
  page      $output/report.html
  state     $build/omnigen-dist status $output
T
