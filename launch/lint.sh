#!/usr/bin/env bash
# clang-format and clang-tidy 14, and shellcheck.
#   launch/lint.sh                     everything (clang-tidy takes two hours on two cores)
#   launch/lint.sh --changed [BASE]    files changed since BASE (default: where this branch left main, else
#                                      the last commit), and what is not committed; of clang-tidy's findings
#                                      those in changed lines
# OMNIGEN_LINT_SECONDS limits clang-tidy; files it did not reach are named, and are no failure.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
build=${OMNIGEN_BUILD_DIR:-build}
# shellcheck source=launch/packages.sh
. launch/packages.sh
sources=('src/*.h' 'src/*.cpp' 'tests/*.h' 'tests/*.cpp' 'benchmarks/*.h' 'benchmarks/*.cpp'
  'data-tools/*.h' 'data-tools/*.cpp')
shell=('benchmarks/*.sh' 'launch/*.sh' 'launch/*.slurm' .ci/run)

default_base() {
  local base
  base=$(git merge-base HEAD origin/main 2>/dev/null || true)
  if [ -n "$base" ] && [ "$base" != "$(git rev-parse HEAD)" ]; then
    echo "$base"
  else
    git rev-parse --verify --quiet HEAD~1 || git hash-object -t tree /dev/null
  fi
}

changed_files() {
  git diff --name-only --diff-filter=d "$1" -- "${@:2}"
  git ls-files --others --exclude-standard -- "${@:2}"
}

# The changed lines of the files for clang-tidy's line filter: {"name": "src/a.h", "lines": [[3, 5]]}, ...
changed_lines() {
  local name
  {
    git diff -U0 --diff-filter=d "$1" -- "${@:2}"
    git ls-files --others --exclude-standard -- "${@:2}" | while read -r name; do
      printf '+++ b/%s\n@@ -0,0 +1,1000000 @@\n' "$name"
    done
  } | sed -n -E 's|^\+\+\+ b/(.*)|\1|p; s|^@@ [^+]*\+([0-9]+)(,([0-9]+))? @@.*|@ \1 \3|p' | {
    file=
    while read -r name first count; do
      [ "$name" != @ ] || [ "${count:-1}" -gt 0 ] || continue
      if [ "$name" != @ ]; then
        next=$name
      elif [ "$next" != "$file" ]; then
        printf '%s{"name":"%s","lines":[[%d,%d]' "${file:+]\}, }" "$next" "$first" $((first + ${count:-1} - 1))
        file=$next
      else
        printf ',[%d,%d]' "$first" $((first + ${count:-1} - 1))
      fi
    done
    echo "${file:+]\}}"
  }
}

base=
options=(--quiet)
if [ "${1:-}" = --changed ]; then
  base=${2:-$(default_base)}
  mapfile -t files < <(changed_files "$base" "${sources[@]}" | sort -u)
  mapfile -t scripts < <(changed_files "$base" "${shell[@]}" | sort -u)
  options+=("--line-filter=[$(changed_lines "$base" "${sources[@]}")]")
else
  mapfile -t files < <(git ls-files -- "${sources[@]}")
  mapfile -t scripts < <(git ls-files -- "${shell[@]}")
fi
ensure_packages clang-format-14 clang-tidy-14 shellcheck

echo "clang-format: ${#files[@]} files"
if [ ${#files[@]} -gt 0 ]; then clang-format-14 --dry-run --Werror "${files[@]}"; fi
echo "shellcheck: ${#scripts[@]} files"
if [ ${#scripts[@]} -gt 0 ]; then shellcheck -x "${scripts[@]}"; fi

# Tests are compiled in batches: an entry for every source that a batch includes.
one_entry_a_source() {
  awk '
    function put(text) { printf "%s%s", separator, text; separator = ",\n" }
    /^\[/ { print; next }
    /^\]/ { print "\n]"; next }
    /^\{/ { entry = batch = "" }
    /"file": ".*\/Unity\/unity_/ { split($0, part, "\""); batch = part[4] }
    { sub(/^\},$/, "}"); entry = entry (entry == "" ? "" : "\n") $0 }
    /^\}/ {
      if (batch == "") { put(entry); next }
      while ((getline line < batch) > 0) {
        if (split(line, name, "\"") < 3 || line !~ /^#include/) continue
        text = entry
        source = ""
        while ((at = index(text, batch)) > 0) {
          source = source substr(text, 1, at - 1) name[2]
          text = substr(text, at + length(batch))
        }
        put(source text)
      }
      close(batch)
    }' "$build/compile_commands.json"
}

# clang cannot read gcc's precompiled header: it gets its own, and the compile commands without the options of
# gcc and ccache.
[ -f "$build/build.ninja" ] || launch/setup.sh
database=$(realpath -m "$build/lint")
mkdir -p "$database"
one_entry_a_source | sed -E -e 's| -fpch-preprocess| |g; s| -Winvalid-pch||g' \
  -e "s| -include [^ ]*cmake_pch\.hxx| -include-pch $database/pch.h.pch|g" \
  -e 's#"command": "([^"]* )?[^ "]*[cg]\+\+(-[0-9]+)? #"command": "clang++-14 #' \
  >"$database/compile_commands.json"
pch_flags=$(sed -n 's|.*"command": "clang++-14 \(.*\) -o .*pch\.cpp\.o.*|\1|p' \
  "$database/compile_commands.json" | sed 's| -include-pch [^ ]*||' | head -n 1)
if [ ! "$database/pch.h.pch" -nt src/pch.h ]; then
  # shellcheck disable=SC2086  # a list of options
  clang++-14 $pch_flags -x c++-header src/pch.h -o "$database/pch.h.pch"
fi

# Headers are checked through the sources that include them.
mapfile -t units < <(printf '%s\n' "${files[@]}" | sed -n -E 's/\.(h|cpp)$/.cpp/p' | sort -u |
  while read -r unit; do grep -qF "/$unit\"" "$database/compile_commands.json" && echo "$unit"; done)
echo "clang-tidy: ${#units[@]} files"
[ ${#units[@]} -gt 0 ] || exit 0

tidy_one() {
  if [ "$(date +%s)" -ge "$deadline" ]; then
    echo "clang-tidy: no time left for $1"
  elif ! clang-tidy-14 -p "$database" "${@:2}" "$1" 2>"$database/errors.$$"; then
    cat "$database/errors.$$"
    echo "clang-tidy: findings in $1"
    return 1
  fi
}
export -f tidy_one
export database deadline=$(($(date +%s) + ${OMNIGEN_LINT_SECONDS:-100000}))
printf '%s\0' "${units[@]}" | xargs -0 -P "$(nproc)" -I{} bash -c 'tidy_one "$@"' - {} "${options[@]}"
