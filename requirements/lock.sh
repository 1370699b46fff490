#!/usr/bin/env bash
# Make the locks from the inputs. What is locked stays where it can; `lock.sh --upgrade` lets everything move.
set -euo pipefail
cd "$(dirname "$0")"
export UV_FIND_LINKS="${UV_FIND_LINKS:-${PIP_FIND_LINKS:-}}"  # uv does not read the one that pip does
more=("$@")

compile() {
  echo "${*: -1}"
  ../.venv/bin/uv pip compile "${@:1:$#-1}" --python 3.11 --no-emit-find-links --no-emit-index-url \
    --quiet "${more[@]}" -o "${*: -1}"
}

# The CPU locks are resolved with the CPU build of torch, which asks for no CUDA libraries, and then name the
# version alone: which build it becomes is the installing machine's choice.
[ -n "${UV_FIND_LINKS:-}${UV_TORCH_BACKEND:-}" ] || export UV_TORCH_BACKEND=cpu
cpu_locks=(pipeline.txt engine-cpu.txt)
trap 'sed -i "s/^\(torch==[0-9.]*\)+cpu$/\1/" "${cpu_locks[@]}"' EXIT
sed -i 's/^torch==[0-9.]*$/&+cpu/' "${cpu_locks[@]}"
compile pipeline.in --override overrides.txt pipeline.txt
compile engine-cpu.in --override overrides.txt engine-cpu.txt
compile dev.in dev.txt
compile assets.in --no-deps --generate-hashes assets.txt

# NVIDIA machines: torch with its CUDA libraries, otherwise the pipeline's versions, which the copy proposes.
unset UV_FIND_LINKS UV_TORCH_BACKEND
compile engine-cuda.in --override overrides.txt engine-cuda.txt
cp pipeline.txt pipeline-cuda.txt
compile pipeline.in --override overrides.txt pipeline-cuda.txt
