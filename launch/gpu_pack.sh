#!/usr/bin/env bash
# What launch/gpu_check.sh needs on a machine with a GPU, Python and the same torch wheel but nothing else:
# programs without their symbols, the libraries such a machine lacks, and Open MPI's plug-ins, in one archive.
#
#   launch/gpu_pack.sh [DIR]      DIR: gpu_pack, which git ignores; then on the other machine:
#   launch/gpu_check.sh run DIR
#
# The Python peer goes along as sources, where OMNIGEN_PEER_PYTHON is a Python with benchmarks/peer/requirements.txt and
# .venv has torch alone: those files of diffusers and LyCORIS that a step imports (benchmarks/peer/stand_ins.py).
#
# libvips and libcurl (HDF5's, for files on a web server) stay behind with the 70 MB that they draw in: the check reads no
# pictures and no network. Libraries of the same names take their places and say so should anything call them.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
build=${OMNIGEN_BUILD_DIR:-build}
pack=${1:-gpu_pack}
programs=(omnigen-dist benchmarks/train_step_bench benchmarks/all_reduce_bench tests/comm_cuda_test tests/model_cuda_test)
limit_mib=60

for program in "${programs[@]}"; do
  [ -x "$build/$program" ] || { echo "$build/$program is not there; run launch/setup.sh" >&2; exit 2; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/bin" "$work/lib" "$work/openmpi"
for program in "${programs[@]}"; do strip -o "$work/bin/$(basename "$program")" "$build/$program"; done
mpirun=$(readlink -f "$(command -v mpirun)")
cp "$mpirun" "$work/bin/mpirun"

# Libraries by name, wherever the loader finds them here.
declare -A file_of
while read -r name _ file _; do
  [ -n "${file:-}" ] && [ -e "$file" ] && file_of[$name]=$file
done < <(for program in "${programs[@]}"; do ldd "$build/$program"; done; ldd "$mpirun")
needed_by() { readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'; }
is_there_already() {  # with the C library or the wheel
  case $1 in
    ld-linux* | libc.so.* | libm.so.* | libdl.so.* | libpthread.so.* | librt.so.* | libresolv.so.*) return 0 ;;
  esac
  case ${file_of[$1]:-} in */site-packages/*) return 0 ;; esac
  return 1
}

stays_behind() { case $1 in libvips* | libcurl*) return 0 ;; esac; return 1; }

# Plug-ins of one host over shared memory and TCP; those for other networks draw in libraries of their own.
plugins=$(dirname "$(find /usr/lib /usr/local/lib -name mca_pml_ob1.so -print -quit)")
for plugin in "$plugins"/mca_*.so; do
  case $(basename "$plugin") in
    *ucx* | *ofi* | *openib* | *psm* | mca_io_* | mca_fs_* | mca_fcoll_* | mca_fbtl_* | mca_sharedfp_* | mca_osc_* | \
      *slurm* | *flux* | *jsm* | *gridengine* | *monitoring* | *vprotocol* | mca_sshmem_* | mca_spml_* | mca_scoll_* | \
      mca_memheap_* | mca_atomic_* | mca_topo_treematch* | mca_reachable_netlink* | mca_coll_han* | mca_coll_adapt*) ;;
    *) cp "$plugin" "$work/openmpi/" ;;
  esac
done

queue=("$work"/bin/* "$work"/openmpi/*)
declare -A seen
while [ ${#queue[@]} -gt 0 ]; do
  next=${queue[0]}
  queue=("${queue[@]:1}")
  while read -r name; do
    if [ -n "${seen[$name]:-}" ] || is_there_already "$name"; then continue; fi
    seen[$name]=1
    if stays_behind "$name"; then continue; fi
    file=${file_of[$name]:-$(ldconfig -p | awk -v n="$name" '$1 == n && !file {file = $NF} END {print file}')}
    [ -n "$file" ] || { echo "no file for $name" >&2; exit 1; }
    cp -L "$file" "$work/lib/$name"
    queue+=("$work/lib/$name")
  done < <(needed_by "$next")
done
strip --strip-unneeded "$work"/lib/* "$work"/openmpi/* 2>/dev/null || true

# Every name of such a library that is asked for, as a function that ends the program or as zeros.
for library in "${!seen[@]}"; do
  stays_behind "$library" || continue
  {
    cat <<EOF
  .text
left_behind:
  movl \$2, %edi
  leaq text(%rip), %rsi
  movl \$(text_end - text), %edx
  movl \$1, %eax
  syscall
  ud2
  .section .rodata
text: .ascii "$library is not in this pack: nothing of the check should call it\\n"
text_end:
EOF
    nm -D --defined-only "${file_of[$library]}" | awk '{sub(/@.*/, "", $3); print $3, $2}' | sort -u >"$work/defined"
    for file in "$work"/bin/* "$work"/lib/*; do nm -D --undefined-only "$file"; done | awk '{sub(/@.*/, "", $2); print $2}' | sort -u |
      join - "$work/defined" | while read -r symbol kind; do
        case $kind in
          T | t | W | w | i) printf '  .text\n  .globl %s\n  .type %s, @function\n%s: jmp left_behind\n' "$symbol" "$symbol" "$symbol" ;;
          *) printf '  .data\n  .globl %s\n  .type %s, @object\n  .size %s, 256\n%s: .zero 256\n' "$symbol" "$symbol" "$symbol" "$symbol" ;;
        esac
      done
  } >"$work/stub.s"
  gcc -shared -nostdlib -Wl,-soname,"$library" -o "$work/lib/$library" "$work/stub.s"
done

# Packages of Python sources alone; what is compiled stays behind.
mkdir -p "$work/peer" "$work/site"
peer=${OMNIGEN_PEER_PYTHON:-}
if [ -n "$peer" ]; then
  for package in diffusers lycoris einops toml tqdm packaging; do
    folder=$("$peer" -c "import importlib.util as u; print(u.find_spec('$package').submodule_search_locations[0])") ||
      { echo "$peer has no $package: see benchmarks/peer/requirements.txt" >&2; exit 2; }
    ln -s "$folder" "$work/site/$package"
  done
  echo "== the peer: $(PYTHONPATH=$work/site PYTHONDONTWRITEBYTECODE=1 .venv/bin/python benchmarks/peer/pack_sources.py \
    "$work/site" "$work/peer" 2>"$work/log" | tail -n 1)"
  [ -d "$work/peer/diffusers" ] || { cat "$work/log" >&2; exit 1; }
else
  echo "== the peer stays behind: OMNIGEN_PEER_PYTHON is not set" >&2
fi

mkdir -p "$pack"
(cd "$work" && tar -cf - bin lib openmpi peer) | xz -9 -T0 >"$pack/pack.tar.xz"
"$build/omnigen-dist" version >"$pack/version.txt" 2>&1
echo "== in the pack"
(cd "$work" && find bin lib openmpi peer -type f -printf '%s %p\n' | sort -rn | awk 'NR <= 30 {printf "%9.2f MiB  %s\n", $1 / 1048576, $2} NR > 30 {rest += $1; ++n}
  END {if (n) printf "%9.2f MiB  in %d more\n", rest / 1048576, n}')
pack_bytes=$(du -sb "$pack" | cut -f1)
tree_bytes=$(git ls-files -z | xargs -0 du -cb | tail -n 1 | cut -f1)
awk -v p="$pack_bytes" -v t="$tree_bytes" -v l="$limit_mib" 'BEGIN {
  m = 1048576
  printf "== %s: %.1f MiB, with the checkout %.1f of %d MiB\n", "packed", p / m, (p + t) / m, l
  exit p + t > l * m
}' || { echo "too large" >&2; exit 1; }
