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

# drawings FOLDER SET COUNT SEED
drawings() {
  [ -e "$work/$1" ] && return
  rm -rf "$work/$1.part"
  "$cache" draw --set "$2" --count "$3" --seed "$4" --output "$work/$1.part"
  mv "$work/$1.part" "$work/$1"
}
drawings shapes shapes 12000 42
drawings held_out held-out 64 42
drawings more_shapes shapes 40000 43
drawings pairs pairs 24000 44
find "$work/shapes" -name '*.txt' | sort | xargs cat > "$work/captions.txt"
[ -e "$work/tokenizer" ] ||
  "$python" $recipe/make_tokenizer.py --like config/quickstart/tokenizer --text "$work/captions.txt" --output "$work/tokenizer"
if [ -e "$work/vae/state.pt" ]; then resume=(--resume); else resume=(); fi
"$python" $recipe/train_vae.py --output "$work/vae" "${resume[@]}"
[ -e "$work/scratch/model_index.json" ] ||
  "$cache" make-model --output "$work/scratch" --size quickstart --scheme scratch --tokenizer "$work/tokenizer" --vae "$work/vae/vae"
for part in train train_2; do
  launch/cache.sh -n 2 --config "$recipe/$part.json"
  launch/train.sh -n 2 --config "$recipe/$part.json"
done
rm -rf config/quickstart/model
cp -r "$work/run_2/pipeline" config/quickstart/model
