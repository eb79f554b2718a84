#!/usr/bin/env bash
# What to run first on a machine with GPUs.
#
#   launch/gpu_check.sh            from the sources: versions, build, the tests that need a GPU, a small training run
#                                  on the first GPU and, where there are two, on two ranks over NCCL
#   launch/gpu_check.sh pack [DIR] what the next one needs, made where there are compilers (launch/gpu_pack.sh)
#   launch/gpu_check.sh run [DIR]  where there are a GPU, Python and the torch wheel but nothing else: the tests that
#                                  need a GPU, golden cases among them, two ranks over NCCL (on one GPU too), steps of
#                                  the published size at 512 and 1024 pixels; one table. DIR: gpu_pack.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
case ${1:-} in
  pack) shift; exec launch/gpu_pack.sh "$@" ;;
  run) shift; exec launch/gpu_run.sh "$@" ;;
  "") ;;
  *) sed -n '2,/^set/p' "$0" | grep '^#' >&2; exit 2 ;;
esac
build=${OMNIGEN_BUILD_DIR:-build}
config=config/quickstart/config.json
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! command -v nvidia-smi >/dev/null || ! nvidia-smi -L | grep -q GPU; then
  echo "no GPU here: nvidia-smi lists none" >&2
  exit 1
fi
echo "== versions"
nvidia-smi --query-gpu=index,name,driver_version,memory.total,compute_cap --format=csv
nvidia-smi topo -m || true
mpirun --version | head -n 1

launch/setup.sh
"$build/omnigen-dist" version

echo "== tests that need a GPU"
ctest --test-dir "$build" --output-on-failure --no-tests=error -L cuda

# train RANKS
train() {
  echo "== training, $1 rank(s), device cuda"
  NCCL_DEBUG=${NCCL_DEBUG:-INFO} launch/train.sh -n "$1" --config "$config" --device cuda \
    --output_dir "$work/ranks_$1" --max_train_steps 10
}
launch/cache.sh -n 1 --config "$config"
train 1
gpus=$(nvidia-smi -L | grep -c GPU)
if [ "$gpus" -ge 2 ]; then train 2; fi
echo "== all good: $gpus GPU(s)"
