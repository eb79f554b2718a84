#!/usr/bin/env bash
# Makes config/quickstart/model again, from nothing (docs/quickstart-model.md): hours on two cores. Every part goes on where it
# was interrupted; what is there is kept.
#   config/quickstart/recipe/make_model.sh PYTHON     PYTHON has torch, diffusers, safetensors, tokenizers
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
cd "$root"
python=$1
recipe=config/quickstart/recipe
work=output/quickstart-base
cache=${OMNIGEN_BUILD_DIR:-build}/omnigen-cache
mkdir -p "$work"

[ -e "$work/shapes" ] || "$cache" draw --set shapes --count 12000 --output "$work/shapes"
[ -e "$work/held_out" ] || "$cache" draw --set held-out --count 64 --output "$work/held_out"
find "$work/shapes" -name '*.txt' | sort | xargs cat > "$work/captions.txt"
[ -e "$work/tokenizer" ] ||
  "$python" $recipe/make_tokenizer.py --like config/quickstart/tokenizer --text "$work/captions.txt" --output "$work/tokenizer"
if [ -e "$work/vae/state.pt" ]; then resume=(--resume); else resume=(); fi
"$python" $recipe/train_vae.py --output "$work/vae" "${resume[@]}"
[ -e "$work/scratch/model_index.json" ] ||
  "$cache" make-model --output "$work/scratch" --size quickstart --scheme scratch --tokenizer "$work/tokenizer" --vae "$work/vae/vae"
launch/cache.sh -n 2 --config $recipe/train.json
launch/train.sh -n 2 --config $recipe/train.json
rm -rf config/quickstart/model
cp -r "$work/run/pipeline" config/quickstart/model
