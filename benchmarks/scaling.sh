#!/usr/bin/env bash
# One rank and two, on one host and over links of 10 and 1 Gb/s, beside what is predicted; one page in results/.
#
#   benchmarks/scaling.sh [--build DIR] [--steps 40] [--repeats 3] [--batch 8] [--hardware NAME] [--type lora|full]
#                        [--python PYTHON]     one with peer/requirements.txt: two ranks beside the peer's two processes
#
# The quick start's run, one thread and the same number of pictures a rank. The links are veth pairs between two
# network namespaces, shaped by tbf (needs root, ip and tc; else those rows are missing and the page says so): mpirun
# sees two hosts. Predicted: the time of one rank, and (R-1)/R · 2 S/B for the sum of S bytes of gradients over R ranks
# at B bytes/s; of a whole model also 2 bytes a parameter over the link, for the owners' new weights. The runs alternate.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/..
build=$root/build steps=40 repeats=3 batch=8 type=lora python=
# shellcheck source=benchmarks/hardware.sh
. "$here/hardware.sh"
while [ $# -gt 0 ]; do
  case $1 in
    --build | --steps | --repeats | --batch | --hardware | --type | --python) printf -v "${1#--}" %s "$2"; shift 2 ;;
    *) sed -n '2,/^set/p' "$0" | grep '^#' >&2; exit 2 ;;
  esac
done
build=$(cd "$build" && pwd)
export OMNIGEN_BUILD_DIR=$build OMP_NUM_THREADS=1
work=$(mktemp -d)
a=omnigen_a_$$ b=omnigen_b_$$
cleanup() {
  ip netns del "$a" 2>/dev/null || true
  ip netns del "$b" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
cd "$root"
sed "s#cache/quickstart#$work/cache#" config/quickstart/multidatabackend.json >"$work/data.json"
[ "$type" = lora ] || sed -i 's/"is_regularisation_data": *true/"is_regularisation_data": false/' "$work/data.json"
common=(--config config/quickstart/config.json --data_backend_config "$work/data.json")
launch/cache.sh -n 1 "${common[@]}" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }

# Two namespaces as hosts 10.77.0.1 and .2; mpirun reaches the second as it would by ssh.
make_hosts() {
  ip netns add "$a" && ip netns add "$b" &&
    ip link add "va$$" netns "$a" type veth peer name "vb$$" netns "$b" &&
    ip -n "$a" addr add 10.77.0.1/24 dev "va$$" && ip -n "$b" addr add 10.77.0.2/24 dev "vb$$" &&
    ip -n "$a" link set lo up && ip -n "$b" link set lo up &&
    ip -n "$a" link set "va$$" up && ip -n "$b" link set "vb$$" up || return 1
  cat >"$work/agent" <<EOF
#!/bin/sh
shift
exec ip netns exec $b sh -c "\$*"
EOF
  chmod +x "$work/agent"
}
# shape RATE: both directions.
shape() {
  ip netns exec "$a" tc qdisc replace dev "va$$" root tbf rate "$1" burst 256kb latency 50ms &&
    ip netns exec "$b" tc qdisc replace dev "vb$$" root tbf rate "$1" burst 256kb latency 50ms
}

# run NAME RANKS PREFIX...: median seconds of a step's passes, and of its reduction, after the first five.
run() {
  local name=$1 ranks=$2
  shift 2
  rm -rf "$work/out"
  "$@" launch/train.sh -n "$ranks" "${common[@]}" --output_dir "$work/out" --max_train_steps "$steps" \
    --model_type "$type" --train_batch_size "$batch" --checkpointing_steps 1000000 --final_checkpoint false --validation_disable true \
    --validation_steps 0 --eval_loss_disable true --report_to none >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
  sed -n 's/.*trained parameters \([0-9]*\) of.*/\1/p' "$work/log" >"$work/parameters"
  sed -n 's/.*"perf\/compute_seconds": *\([^,}]*\).*"perf\/reduce_seconds": *\([^,}]*\).*"perf\/step_seconds": *\([^,}]*\).*/\1 \2 \3/p' \
    "$work/out/logs/metrics.jsonl" | tail -n +6 >>"$work/$name.steps"
  echo "$name done" >&2
}
# median FILE COLUMN
median() { sort -g -k"$2,$2" "$1" | awk -v c="$2" '{v[NR] = $c} END {print v[int((NR + 1) / 2)]}'; }

links=()
if [ "$(id -u)" -eq 0 ] && command -v ip >/dev/null && command -v tc >/dev/null && make_hosts 2>"$work/log"; then
  links=(10gbit 1gbit)
else
  echo "no shaped links: they need root, ip, tc and the right to make network namespaces" >&2
fi
hosts="--host 10.77.0.1:1,10.77.0.2:1 --mca plm_rsh_agent $work/agent --mca btl tcp,self
  --mca btl_tcp_if_include 10.77.0.0/24 --mca oob_tcp_if_include 10.77.0.0/24 -x OMP_NUM_THREADS -x OMP_WAIT_POLICY"
hosts=$(tr -s '\n ' ' ' <<<"$hosts")
for ((i = 0; i < repeats; ++i)); do
  run one 1 env
  run two 2 env
  for link in "${links[@]}"; do
    shape "$link"
    run "two-$link" 2 env OMNIGEN_RANKS_PER_HOST=1 OMNIGEN_MPIRUN_OPTIONS="$hosts" ip netns exec "$a"
  done
done

# Two ranks of train_step_bench and two of the peer's processes (gloo), which rebuild weights; images per second.
beside_peer() {
  local dtype=$1 i ours peer rows=
  for ((i = 0; i < repeats; ++i)); do
    ours=$(launch/mpirun.sh -n 2 "$build/benchmarks/train_step_bench" --config small --px 256 --batch 1 --dtype "$dtype" --threads 1 \
      --rounds 4 --json 2>>"$work/log" | "$python" -c 'import json, sys; print(json.load(sys.stdin)["images_per_s"])') || return 1
    peer=$("$python" "$here/peer/peer_scale.py" --config small --px 256 --batch 1 --dtype "$dtype" --only 2>>"$work/log" |
      "$python" -c 'import json, sys; print(json.loads(sys.stdin.readlines()[-1])["images_per_s"])') || return 1
    rows+="$ours $peer"$'\n'
  done
  printf %s "$rows" | awk '{print $1 / $2, $1, $2}' | sort -g | awk -v d="$dtype" '{r[NR] = $1; o[NR] = $2; p[NR] = $3}
    END {m = int((NR + 1) / 2); printf "| %s | %.2f | %.2f | **%.2f** (%.2f to %.2f) |\n", d, o[m], p[m], r[m], r[1], r[NR]}'
}
if [ -n "$python" ]; then
  for dtype in fp32 bf16; do beside_peer "$dtype" >>"$work/peer" || { cat "$work/log" >&2; exit 1; }; done
fi

parameters=$(cat "$work/parameters")
one=$(median "$work/one.steps" 3)
page=$here/results/scaling_$([ "$type" = lora ] || echo "${type}_")${hardware}_$(date +%Y%m).md
{
  echo "# Scaling"
  echo
  echo "Made by \`benchmarks/scaling.sh\`: the quick start's run, $batch pictures and one thread a rank, medians of $((repeats * (steps - 5))) steps;"
  [ "$type" = lora ] || echo "The whole model is trained."
  echo "$parameters trained parameters, so that $(awk -v n="$parameters" 'BEGIN {printf "%.1f", 4e-6 * n}') MB of gradients are summed. The time of the sum is what"
  echo "the step waits for it behind the backward pass, beside which it begins; predicted is all of it. Efficiency: of as many single ranks."
  [ ${#links[@]} -gt 0 ] || echo "No shaped links on this machine."
  echo
  echo "| ranks | link | step s | predicted s | off | computing s | sum of gradients s | predicted s | efficiency |"
  echo "|---|---|---|---|---|---|---|---|---|"
  for name in one two "${links[@]/#/two-}"; do
    ranks=2 link=${name#two-} rate=0
    case $name in
      one) ranks=1 link=none ;;
      two) link="one host" ;;
      *-10gbit) rate=1.25e9 ;;
      *-1gbit) rate=1.25e8 ;;
    esac
    awk -v ranks="$ranks" -v link="$link" -v one="$one" -v type="$type" -v bytes=$((4 * parameters)) -v rate="$rate" \
      -v compute="$(median "$work/$name.steps" 1)" -v reduce="$(median "$work/$name.steps" 2)" \
      -v step="$(median "$work/$name.steps" 3)" 'BEGIN {
        sum = rate > 0 ? 2 * (ranks - 1) / ranks * bytes / rate : 0
        predicted = one + sum + (rate > 0 && type == "full" ? bytes / 2 / rate : 0)
        printf "| %d | %s | %.4f | %.4f | %+.1f %% | %.4f | %.4f | %.4f | %.3f |\n", ranks, link, step, predicted,
          100 * (step / predicted - 1), compute, reduce, sum, one / step
      }'
  done
  if [ -n "$python" ]; then
    echo
    echo "Two ranks of one thread beside the Python peer's two processes of one thread (config small, 256 pixels, batch 1, attention; the peer"
    echo "rebuilds weights, its default, and averages gradients in one flat sum), medians of $repeats alternating pairs:"
    echo
    echo "| dtype | ours images/s | peer images/s | ours / peer |"
    echo "|---|---|---|---|"
    cat "$work/peer"
  fi
} >"$page"
tail -n 4 "$page" >&2
echo "written: $page" >&2
