#!/usr/bin/env bash
# launch/gpu_check.sh run: the check of a pack (launch/gpu_pack.sh) on a machine with a GPU, Python and the torch wheel.
#
#   launch/gpu_run.sh [DIR] [--quick]      DIR: gpu_pack; --quick: a small model in place of the published size
#
# Without a GPU the programs are started and the tests say what they skip; the exit status is then 3.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 2
pack=gpu_pack quick=0
for argument in "$@"; do
  case $argument in --quick) quick=1 ;; *) pack=$argument ;; esac
done
[ -e "$pack/pack.tar.xz" ] || { echo "no $pack/pack.tar.xz: make it with launch/gpu_check.sh pack" >&2; exit 2; }
python=${OMNIGEN_PYTHON:-python3}
torch=$("$python" -c 'import os, torch; print(os.path.dirname(torch.__file__), torch.__version__)' 2>&1) ||
  { echo "$python has no torch: ${torch##*$'\n'}" >&2; exit 2; }
read -r torch_dir torch_version <<<"$torch"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
xz -dc "$pack/pack.tar.xz" | tar -x -C "$work" || exit 2

# The wheel's own libraries, then ours; Open MPI finds its plug-ins where they lie now.
libraries=$torch_dir/lib
for folder in "$torch_dir"/../nvidia/*/lib; do [ -d "$folder" ] && libraries+=:$folder; done
export LD_LIBRARY_PATH=$libraries:$work/lib
export OMPI_MCA_mca_base_component_path=$work/openmpi OPAL_PREFIX=$work
export OMNIGEN_GOLDEN_DIR=$root/tests/golden OMNIGEN_MPIRUN=$work/bin/mpirun
export OMPI_MCA_plm_rsh_agent='' OMPI_MCA_orte_base_help_aggregate=0

results=()
failed=0
# step NAME COMMAND...: its output, and one line of the table. Tests that skip count as skipped.
step() {
  local name=$1 outcome
  shift
  echo "== $name"
  if "$@" >"$work/log" 2>&1; then outcome=passed; else outcome="failed ($?)" failed=1; fi
  cat "$work/log"
  if [ "$outcome" = passed ] && grep -q 'SKIPPED' "$work/log"; then
    outcome="skipped: $(sed -n '/no GPU\|GPUs are visible/{p;q}' "$work/log" | tr -s ' ')"
  fi
  results+=("$name|$outcome")
}
# figures NAME COMMAND...: a benchmark, whose figures go into the table.
figures() {
  local name=$1
  shift
  echo "== $name"
  if "$@" >"$work/log" 2>&1; then
    cat "$work/log"
    results+=("$name|$(tail -n 1 "$work/log" | cut -d'|' -f2- | tr '|' ',')")
  else
    cat "$work/log"
    results+=("$name|failed ($?)") failed=1
  fi
}

# peer NAME OPTIONS...: the Python peer's step, whose figures go into the table.
peer() {
  local name=$1
  shift
  [ -d "$work/peer/diffusers" ] || { results+=("$name|not in the pack"); return; }
  echo "== $name"
  if PYTHONPATH=$work/peer PYTHONDONTWRITEBYTECODE=1 "$python" benchmarks/peer/peer_step.py --bare "$@" >"$work/log" 2>"$work/err"; then
    tail -n 1 "$work/log"
    results+=("$name|$(tail -n 1 "$work/log" | "$python" -c 'import json, sys
r = json.load(sys.stdin)
memory = r.get("peak_gpu_mib", r.get("peak_rss_mib"))
print("{} images/s, {:.2f} TFLOP/s, peak {:.0f} MiB".format(r["images_per_s"], r["gflops"] / 1e3, memory))')")
  else
    cat "$work/err"
    results+=("$name|failed") failed=1
  fi
}

echo "== versions"
echo "torch $torch_version at $torch_dir; packed: $(head -n 1 "$pack/version.txt")"
step "omnigen-dist starts" "$work/bin/omnigen-dist" version
gpus=0
if command -v nvidia-smi >/dev/null; then
  nvidia-smi --query-gpu=index,name,driver_version,memory.total,compute_cap --format=csv
  gpus=$(nvidia-smi -L | grep -c GPU)
fi
step "golden cases, float32 and bf16" "$work/bin/model_cuda_test"
step "NCCL, 1 rank" "$work/bin/comm_cuda_test"
# Two ranks on one GPU: NCCL takes them for two hosts.
# shellcheck disable=SC2016
step "NCCL, 2 ranks" launch/mpirun.sh -n 2 sh -c 'NCCL_HOSTID=rank$OMPI_COMM_WORLD_RANK exec "$0"' "$work/bin/comm_cuda_test"
if [ "$gpus" -gt 0 ]; then
  bench=("$work/bin/train_step_bench" --device cuda --dtype bf16 --batch 1 --rounds 3)
  config=(--config benchmarks/peer/bench_configs/real-1layer.json --layers 32)
  [ "$quick" = 1 ] && config=(--config benchmarks/peer/bench_configs/small.json)
  for px in 512 1024; do
    figures "step, $px px, bf16" "${bench[@]}" "${config[@]}" --px "$px"
    figures "step, $px px, bf16, CUDA graphs" "${bench[@]}" "${config[@]}" --px "$px" --graphs
    figures "step, $px px, bf16, attention and MLP" "${bench[@]}" "${config[@]}" --px "$px" --adapt attention+mlp
    peer "peer, $px px, bf16, bypass" --device cuda --dtype bf16 --rounds 3 "${config[@]}" --px "$px" --lokr bypass
  done
  peer "peer, 512 px, bf16, its users' setting" --device cuda --dtype bf16 --rounds 3 "${config[@]}" --px 512 --gc
else
  peer "the peer starts (tiny, CPU)" --config tiny --px 64 --rounds 1
fi

echo
echo "== all of it"
for line in "${results[@]}"; do printf '%-44s %s\n' "${line%%|*}" "${line#*|}"; done
if [ "$gpus" -eq 0 ]; then
  echo "no GPU here: nothing was checked on one"
  exit 3
fi
exit "$failed"
