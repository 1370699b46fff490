#!/usr/bin/env bash
# Make the locks from the inputs, with the hash of every file. What is locked stays where it can; `lock.sh --upgrade`
# lets everything move.
set -euo pipefail
cd "$(dirname "$0")"
export UV_FIND_LINKS="${UV_FIND_LINKS:-${PIP_FIND_LINKS:-}}"  # uv does not read the one that pip does
more=("$@")

compile() {
  echo "${*: -1}"
  ../.venv/bin/uv pip compile "${@:1:$#-1}" --python 3.11 --no-emit-find-links --no-emit-index-url \
    --generate-hashes --quiet "${more[@]}" -o "${*: -1}"
}

# The CPU locks are resolved with the CPU build of torch, which asks for no CUDA libraries, and then name the
# version alone: which build it becomes is the installing machine's choice, so it has no hash either.
[ -n "${UV_FIND_LINKS:-}${UV_TORCH_BACKEND:-}" ] || export UV_TORCH_BACKEND=cpu
any_build() {
  for lock in pipeline.txt engine-cpu.txt; do
    awk '/^torch==/ {sub(/[+]cpu/, ""); sub(/ \\$/, ""); print; torch = 1; next}
         torch && /--hash=/ {next} {torch = 0; print}' "$lock" > "$lock.part"
    mv "$lock.part" "$lock"
  done
}
trap any_build EXIT
sed -i 's/^torch==[0-9.]*$/&+cpu/' pipeline.txt engine-cpu.txt
compile pipeline.in --override overrides.txt pipeline.txt
compile engine-cpu.in --override overrides.txt engine-cpu.txt
compile dev.in dev.txt
compile assets.in --no-deps assets.txt

# NVIDIA machines: torch with its CUDA libraries, otherwise the pipeline's versions, which the merged file proposes.
unset UV_FIND_LINKS UV_TORCH_BACKEND
any_build
compile engine-cuda.in --override overrides.txt engine-cuda.txt
awk -F'==' 'NR == FNR {if (/^[a-z0-9]/) seen[$1]; print; next} /^[a-z0-9]/ {keep = !($1 in seen)} keep' \
  pipeline.txt pipeline-cuda.txt > pipeline-cuda.part
mv pipeline-cuda.part pipeline-cuda.txt
compile pipeline.in --override overrides.txt pipeline-cuda.txt
