#!/usr/bin/env bash
# Whether a commit made the training step slower: two builds interleaved in one run, the ratio of their speeds.
#
#   benchmarks/compare.sh OLD [NEW] [--rows "ROW ..."] [--repeats 7] [--rounds 2] [--margin 3]
#
# OLD, NEW: commits (built under build/compare/), or folders with a finished build; NEW is build/ if it is left out.
# ROW as for run.sh; BASE is dense in builds that know no other. Exit status 1: in a row NEW is slower by more than
# --margin percent, and was so in three of four pairs or more.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/.." && pwd)

sides=() rows="small/256/1/bf16/attention/dense small/256/1/fp32/attention/dense" repeats=7 rounds=2 margin=3
while [ $# -gt 0 ]; do
  case $1 in
    --rows | --repeats | --rounds | --margin) printf -v "${1#--}" %s "$2"; shift 2 ;;
    -*) sed -n '2,/^set/p' "$0" | grep '^#' >&2; exit 2 ;;
    *) sides+=("$1"); shift ;;
  esac
done
[ ${#sides[@]} -ge 1 ] || { sed -n '2,/^set/p' "$0" | grep '^#' >&2; exit 2; }
# shellcheck source=benchmarks/record.sh
. "$here/record.sh"

# The bench program of a commit or build folder.
bench_of() {
  local commit tree
  if [ -d "$1" ]; then
    echo "$1/benchmarks/train_step_bench"
    return
  fi
  commit=$(git -C "$root" rev-parse --verify --quiet "$1^{commit}") || { echo "neither a commit nor a folder: $1" >&2; exit 2; }
  tree=$root/build/compare/$commit
  if [ ! -x "$tree/build/benchmarks/train_step_bench" ]; then
    git -C "$root" worktree prune  # of one that went with a build folder
    [ -d "$tree" ] || git -C "$root" worktree add --detach "$tree" "$commit" >&2
    [ -e "$tree/.venv" ] || ln -s "$root/.venv" "$tree/.venv"
    cmake -S "$tree" -B "$tree/build" -G Ninja -DCMAKE_BUILD_TYPE=Release >&2
    cmake --build "$tree/build" --target train_step_bench >&2
  fi
  echo "$tree/build/benchmarks/train_step_bench"
}

old=$(bench_of "${sides[0]}")
new=$(bench_of "${sides[1]:-$root/build}")
need_bench "$old"
need_bench "$new"
for row in $rows; do
  IFS=/ read -r config px batch dtype adapt base <<<"$row"
  echo "$row" >&2
  common=(--config "$config" --px "$px" --batch "$batch" --dtype "$dtype" --adapt "$adapt" --rounds "$rounds" --json)
  [ "${base:-dense}" = dense ] || common+=(--base "$base")
  for ((i = 0; i < repeats; ++i)); do
    record "$row" old "$old" "${common[@]}"
    record "$row" new "$new" "${common[@]}"
  done
done

# Speed of new over old, by pairs of neighbouring runs.
sed -E 's/.*"row": "([^"]*)", "program": "([^"]*)".*"gflops": *([0-9.e+-]*).*/\1 \2 \3/' "$runs" | awk -v margin="$margin" '
  $2 == "old" { old = $3; next }
  {
    if (!($1 in count)) order[++num_rows] = $1
    ratio[$1, ++count[$1]] = $3 / old
  }
  END {
    for (r = 1; r <= num_rows; ++r) {
      row = order[r]
      n = count[row]
      slower = 0
      for (i = 1; i <= n; ++i) {
        if (ratio[row, i] < 1) ++slower
        sorted[i] = ratio[row, i]
        for (k = i; k > 1 && sorted[k] < sorted[k - 1]; --k) { t = sorted[k]; sorted[k] = sorted[k - 1]; sorted[k - 1] = t }
      }
      median = n % 2 ? sorted[(n + 1) / 2] : (sorted[n / 2] + sorted[n / 2 + 1]) / 2
      bad = median < 1 - margin / 100 && slower * 4 >= n * 3
      printf "%-40s new/old %.3f (%.3f to %.3f)%s\n", row, median, sorted[1], sorted[n], bad ? "  SLOWER" : ""
      failed = failed || bad
    }
    exit failed
  }'
