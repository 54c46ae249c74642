#!/usr/bin/env bash
# Proves and measures the GPU backends on this machine, in phases of under eight minutes each.
#
#   run.sh [--small] [--no-build] [--results DIR] [--work DIR] [PHASE]...
#
# Phases: parity-cuda parity-opencl kernels end-to-end-1b end-to-end-7b calibrated-7b report; without one all of them run in turn.
# Each writes results/<phase>.json, and report merges what is there into results/gpu.md and results/gpu.json. --small takes tiny
# shapes, to test the scripts. Inside a bundle nothing else is needed; in a checkout a bundle is made first, by Maven
# (--no-build: of what is built already). Checkpoints are written to the work folder and removed again, but by calibrated-7b
# when its time is over: run it again with the same folder, and it goes on.
set -euo pipefail

all_phases=(parity-cuda parity-opencl kernels end-to-end-1b end-to-end-7b calibrated-7b report)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# Longer than any phase gives itself, so that only one that hangs is stopped.
stop_after=475

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
  exec "$bundle/run.sh" "${small[@]}" --results "$results" --work "$work" "${phases[@]}"
}

# The runtime goes to the work folder where the bundle is read-only.
unpack_runtime() {
  local place=$here
  [[ -w $here ]] || place=$work
  java=$place/runtime/bin/java
  if [[ ! -x $java ]]; then
    mkdir -p "$place"
    tar -xzf "$here/runtime.tar.gz" -C "$place"
  fi
}

# PyTorch's packages may bring the cuBLAS that the program can use.
add_cublas() {
  local folder
  folder=$(python3 - 2> /dev/null << 'PYTHON' || true
import importlib.util
import pathlib

spec = importlib.util.find_spec("nvidia.cublas")
for place in spec.submodule_search_locations if spec else []:
    if (pathlib.Path(place) / "lib" / "libcublas.so.12").exists():
        print(pathlib.Path(place) / "lib")
PYTHON
  )
  if [[ -n $folder ]]; then
    export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$folder
  fi
}

# Tests look for their files from the bundle's folder on.
java_phase() {
  (
    cd "$here"
    timeout --kill-after=5 "$stop_after" "$java" -Dtests.all=true -cp "lib/*" io.github.wandacuda.bench.gpu.Main "$1" \
      --home "$here" --results "$results" --work "$work" --seconds "$2" "${small[@]}"
  )
}

torch_phase() {
  timeout --kill-after=5 "$stop_after" python3 "$here/torch_kernels.py" \
    --shapes "$here/shapes.json" --results "$results" --seconds "$2" "${small[@]}"
}

# A phase that ended without a file is no less part of the report.
note_end() {
  local phase=$1 status=$2 flag=false reason="ended with exit code $2"
  [[ $status -ne 124 && $status -ne 137 ]] || reason="stopped after $stop_after s"
  [[ ${#small[@]} -eq 0 ]] || flag=true
  printf '{"phase": "%s", "small": %s, "status": "failed", "reason": "%s", "rows": []}\n' \
    "$phase" "$flag" "$reason" > "$results/$phase.json"
}

run_phase() {
  local runner=$1 phase=$2 seconds=$3 status=0
  echo "== $phase"
  rm -f "$results/$phase.json"
  "$runner" "$phase" "$seconds" || status=$?
  if [[ $status -ne 0 ]]; then
    failed=true
    [[ -f $results/$phase.json ]] || note_end "$phase" "$status"
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
add_cublas
failed=false
for phase in "${phases[@]}"; do
  case $phase in
    kernels)
      run_phase java_phase kernels-cuda 180
      run_phase java_phase kernels-opencl 150
      run_phase torch_phase kernels-torch 110
      ;;
    report) java_phase report 60 || failed=true ;;
    *) run_phase java_phase "$phase" 440 ;;
  esac
done
rmdir "$work" 2> /dev/null || true
if $failed; then
  exit 1
fi
