#!/usr/bin/env bash
# How often a model draws what it is asked for, before and after a run of config/quickstart.
#   config/quickstart/measure.sh RUN [PROMPTS] [RANKS]
# RUN: the finished run's folder. Its copy RUN-measured renders PROMPTS (default 60) prompts of the new thing and as many of
# combinations that the base model was not trained on; omnigen-cache judge counts. Same prompts, noise and steps on both sides.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
build=${OMNIGEN_BUILD_DIR:-build}
run=${1%/}
prompts=${2:-60}
ranks=${3:-2}
copy=$run-measured

adapter=pytorch_lora_weights.safetensors
complete=$copy/measured-$prompts
if ! { [ -e "$complete" ] && cmp -s "$run/$adapter" "$copy/$adapter"; }; then
  rm -rf "$copy"
  cp -r "$run" "$copy"
  rm -rf "$copy/benchmarks" "$copy/validation_images"
  for set in blickets held-out; do
    "$build/omnigen-cache" draw --prompts "$copy/prompts.json" --set "$set" --count "$prompts" --seed 7
  done
  launch/train.sh -n "$ranks" --config "$copy/simpletuner_config.json" --output_dir "$copy" --user_prompt_library "$copy/prompts.json" \
    --validation_on_startup true --ema_validation none --eval_loss_disable true --validation_disable false
  touch "$complete"
fi
"$build/omnigen-cache" judge "$copy"
