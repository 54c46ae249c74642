#!/usr/bin/env bash
# Proves and measures the GPU backends on this machine, in phases of under ten minutes each.
#
#   run.sh [--small] [--no-build] [--results DIR] [--work DIR] [--limit SECONDS] [PHASE]...
#
# Phases: smoke parity-cuda parity-opencl kernels end-to-end-1b end-to-end-7b calibrated-7b report; without one all of them run in
# turn. Each writes results/<phase>.json as it goes, and report merges what is there into results/gpu.md and results/gpu.json. A
# parity phase, kernels or calibrated-7b whose time was over, or that was killed or hung, goes on where it was when it is run
# again with the same folders. --limit says how long a test or the launches of a kernel may take before they hang. --small takes
# tiny shapes and fewer tests, to test the scripts. Inside a bundle nothing else is needed; in a checkout a bundle is made first,
# by Maven (--no-build: of what is built already). Checkpoints are written to the work folder and removed again, but by
# calibrated-7b when its time is over.
set -euo pipefail

all_phases=(smoke parity-cuda parity-opencl kernels end-to-end-1b end-to-end-7b calibrated-7b report)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
limit=100

fail() {
  echo "run.sh: $1" >&2
  exit 2
}

# From a checkout, goes on in a bundle; results stay where the caller is.
enter_bundle() {
  local root build=() bundle
  root=$(cd "$here/../.." && pwd)
  bundle=$root/target/gpu-bundle
  if $no_build; then
    build=(--no-build)
  fi
  "$here/bundle.sh" "${build[@]}" "$bundle"
  exec "$bundle/run.sh" "${small[@]}" --results "$results" --work "$work" --limit "$limit" "${phases[@]}"
}

# The runtime, and what the driver makes of PTX, go to the work folder where the bundle is read-only.
unpack_runtime() {
  local place=$here
  [[ -w $here ]] || place=$work
  java=$place/runtime/bin/java
  if [[ ! -x $java ]]; then
    rm -rf "$place/unpacking"
    mkdir -p "$place/unpacking"
    tar -xzf "$here/runtime.tar.gz" -C "$place/unpacking"
    mv "$place/unpacking/runtime" "$place"
    rmdir "$place/unpacking"
  fi
  export CUDA_CACHE_PATH=$place/cuda-cache
  mkdir -p "$CUDA_CACHE_PATH"
}

# The cuBLAS that PyTorch's packages (nvidia/cublas for CUDA 12, nvidia/cu13) or a toolkit bring, unless the linker has one.
# Not for smoke and parity, which are about our own kernels.
add_cublas() {
  local folders version folder
  [[ -z $cublas_added ]] || return 0
  cublas_added=true
  mapfile -t folders < <(
    python3 -c 'import sys; print(*sys.path, sep="\n")' 2> /dev/null || true
    compgen -G "${VIRTUAL_ENV:-${CONDA_PREFIX:-/opt/conda}}/lib/python3*/site-packages" || true
    compgen -G "${HOME:-/root}/.local/lib/python3*/site-packages" || true
    compgen -G "/usr/local/lib/python3*/*-packages" || true
  )
  for version in 12 13 11; do
    ! /sbin/ldconfig -p 2> /dev/null | grep -q "libcublas\.so\.$version " || return 0
    for folder in "${folders[@]/%//nvidia/*/lib}" "/usr/local/cuda*/lib64" "/usr/local/cuda*/targets/x86_64-linux/lib"; do
      folder=$(compgen -G "$folder/libcublas.so.$version" | head -n 1) || continue
      export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}${folder%/*}
      return 0
    done
  done
}

# java_phase PHASE SECONDS STOP: the phase begins nothing after SECONDS; only what hangs is stopped after STOP. Tests look for
# their files from the bundle's folder on.
java_phase() {
  (
    cd "$here"
    timeout --kill-after=5 "$3" "$java" "${tests[@]}" "-XX:ErrorFile=$results/$1.crash" -XX:-CreateCoredumpOnCrash -cp "lib/*" \
      io.github.wandacuda.bench.gpu.Main "$1" --home "$here" --results "$results" --work "$work" --seconds "$2" \
      --limit "$limit" "${small[@]}"
  )
}

torch_phase() {
  if ! command -v python3 > /dev/null; then
    note "$1" "not run" "there is no python3"
    return 0
  fi
  timeout --kill-after=5 "$3" python3 "$here/torch_kernels.py" \
    --shapes "$here/shapes.json" --results "$results" --seconds "$2" "${small[@]}"
}

# A phase without a file of its own is no less part of the report.
note() {
  local flag=false
  [[ ${#small[@]} -eq 0 ]] || flag=true
  printf '{"phase": "%s", "small": %s, "status": "%s", "reason": "%s", "rows": []}\n' \
    "$1" "$flag" "$2" "$3" > "$results/$1.json"
}

run_phase() {
  local runner=$1 phase=$2 status=0
  echo "== $phase"
  # The rows of a process that was killed or had no more time are gone on with.
  grep -qs '"unfinished" : true' "$results/$phase.json" || rm -f "$results/$phase.json"
  "$runner" "${@:2}" || status=$?
  if [[ $status -ne 0 ]]; then
    failed=true
    [[ -f $results/$phase.json ]] || note "$phase" failed "ended with exit code $status"
  fi
}

small=()
no_build=false
results=$PWD/results
work=$PWD/work
phases=()
while [[ $# -gt 0 ]]; do
  case $1 in
    --small) small=(--small) ;;
    --no-build) no_build=true ;;
    --results | --work)
      [[ $# -ge 2 ]] || fail "$1 needs a folder"
      mkdir -p "$2"
      declare "${1#--}=$(cd "$2" && pwd)"
      shift
      ;;
    --limit)
      limit=${2:-}
      [[ $limit =~ ^[0-9]+$ ]] || fail "--limit needs a number of seconds"
      shift
      ;;
    -*) fail "no option is called $1" ;;
    *)
      [[ " ${all_phases[*]} " == *" $1 "* ]] || fail "no phase is called $1; there are: ${all_phases[*]}"
      phases+=("$1")
      ;;
  esac
  shift
done
if [[ ! -f $here/runtime.tar.gz ]]; then
  enter_bundle
fi
[[ ${#phases[@]} -gt 0 ]] || phases=("${all_phases[@]}")

mkdir -p "$results" "$work"
unpack_runtime
cublas_added=
tests=(-Dtests.all=true)
[[ ${#small[@]} -eq 0 ]] || tests=()
failed=false
for phase in "${phases[@]}"; do
  [[ $phase != kernels && $phase != *-[17]b ]] || add_cublas
  case $phase in
    smoke)
      # A launch that fails is then the one that says so.
      CUDA_LAUNCH_BLOCKING=1 run_phase java_phase smoke-cuda 250 280
      run_phase java_phase smoke-opencl 250 280
      ;;
    parity-*) run_phase java_phase "$phase" 400 580 ;;
    kernels)
      run_phase java_phase kernels-cuda 180 220
      run_phase java_phase kernels-opencl 150 190
      run_phase torch_phase kernels-torch 110 150
      ;;
    report) java_phase report 60 90 || failed=true ;;
    *) run_phase java_phase "$phase" 440 475 ;;
  esac
done
rmdir "$work" 2> /dev/null || true
if $failed; then
  exit 1
fi
