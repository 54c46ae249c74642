#!/usr/bin/env bash
# Runs the bundle as it is shipped where there is no GPU: in a folder of its own, without Maven, on the tests' pretended CUDA
# driver with 1, 4 and 132 multiprocessors and on the OpenCL that is there. With a damaged kernel it has to be red, with the
# kernel's name in the report; killed at any moment it has to leave its rows.
#
#   pretend.sh [--no-build] [small | full [MULTIPROCESSORS]... | kills [SECONDS] | damages [NUMBER]...]...
#
# small: smoke for each number of multiprocessors, the parity suite's first tier with most of them and on OpenCL, then the
# kernels and a run from end to end.
# full: smoke and all of the parity suite, in as many slices as that takes. kills: each phase, killed within so many seconds
# (default 20). damages: all of them or some. --no-build takes what `mvn install` left in target. Results go to
# target/gpu-results.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
results=$root/target/gpu-results
driver=$root/target/pretend-cuda
forever='for (volatile int i = 0; i == 0;) {}'

# A kernel's file, where it is damaged, what that becomes, what the report has to say. Then what no kernel's source does: a
# launch that fails, PTX that can't be loaded, a kernel of OpenCL.
damages=(
  "select_rows => window_select.cuh => threshold = guess.threshold; => threshold = guess.threshold; threshold.key = 0u; => select_rows: lowest of many rows, F32 .*differs"
  "rms_norm => rms_norm.cu => sum += value => $forever sum += value => rms_norm .*no end within 15 s"
  "rotate => rotate.cu => return u - v => return *reinterpret_cast<volatile float *>(16) + u - v => ended within rotate"
  "select_groups => select_groups.cu => keys[j] < keys[i] => keys[j] > keys[i] => select_groups: lowest 1 of 4, BF16 .*differs"
  "linear_tensor => linear_tensor.cuh => part < Block::PARTS; part++ => part < 1; part++ => linear: 140 tokens, F16 .*differs"
  "second_moments => second_moments.cu => RUN = 256 => RUN = 512 => second_moments .*differs"
  "linear_sparse => linear_sparse.cu => (1u << lane) - 1u => (2u << lane) - 1u => linear_sparse: 3 tokens, F16 .*differs"
  "widen_codes => codes.cuh => shift + w.bits > 8 => shift > 8 => widen_codes.*: UNSIGNED of 3 bits .*differs"
  "attention_128 => attention.cuh => <unsigned>(problem.w => <unsigned>(1 + problem.w => attention: heads of 128 .*differs"
  "launch => cuLaunchKernel 5 700 => select_rows: lowest of 17001 columns, F32 .*cuLaunchKernel of select_rows_long_f32, .* of [0-9]* threads: CUDA_ERROR_ILLEGAL_ADDRESS"
  "jar => select_groups.sm_80.ptx => .target => .aim => select_groups: lowest 2 of 4, F32 .*cuModuleLoadDataEx of select_groups (.*): CUDA_ERROR_INVALID_PTX"
  "jar => rotate.cl => a * c - b * s => a * c + b * s => opencl .*rotate .*differs"
)

fail() {
  echo "pretend.sh: $1" >&2
  exit 1
}

# run NAME MULTIPROCESSORS [VARIABLE=VALUE]... ARGUMENT...: runs the bundle, without what this shell has in its environment.
run() {
  local name=$1 environment=("PRETEND_CUDA_MULTIPROCESSORS=$2")
  shift 2
  while [[ $1 == *=* ]]; do
    environment+=("$1")
    shift
  done
  env -i PATH=/usr/bin:/bin HOME="$HOME" LD_LIBRARY_PATH="${taken:-$driver}" "${environment[@]}" \
    "$place/bundle/run.sh" --results "$results/$name" --work "$place/work" "$@"
}

# No OpenCL is there, so that its phases aren't run once more.
without_opencl=OCL_ICD_VENDORS=/nowhere

is_done() {
  local phase
  for phase in "${@:2}"; do
    grep -q '"status" : "done"' "$results/$1/$phase.json" || fail "$1: $phase is not done: $results/$1/gpu.md"
  done
}

small() {
  run 1 1 "$without_opencl" --small smoke report
  run 132 132 "$without_opencl" --small smoke parity-cuda report
  run 4 4 --small smoke parity-opencl report
  # cuBLAS 13 is where PyTorch's packages have it.
  mkdir -p "$place/venv/lib/python3.13/site-packages/nvidia/cu13/lib"
  cp "$driver/cublas/libcublas.so.12" "$place/venv/lib/python3.13/site-packages/nvidia/cu13/lib/libcublas.so.13"
  run 4 4 "VIRTUAL_ENV=$place/venv" --small kernels end-to-end-1b report
  grep -q '"linear" : "cuBLAS' "$results/4/kernels-cuda.json" || fail "cuBLAS 13 was not found"
  is_done 1 smoke-cuda
  is_done 132 smoke-cuda parity-cuda
  is_done 4 smoke-cuda smoke-opencl parity-opencl kernels-cuda kernels-opencl end-to-end-1b
}

# full [MULTIPROCESSORS]...
full() {
  local count phase
  [[ $# -gt 0 ]] || set -- 4 132 1
  for count in "$@"; do
    rm -rf "${results:?}/full-$count"
    run "full-$count" "$count" smoke
    for phase in parity-cuda parity-opencl; do
      [[ $phase == parity-cuda || $count -eq 4 ]] || continue
      run "full-$count" "$count" --limit 400 "$phase" || true
      while grep -q '"unfinished" : true' "$results/full-$count/$phase.json"; do
        run "full-$count" "$count" --limit 400 "$phase" || true
      done
      is_done "full-$count" "$phase"
    done
    run "full-$count" "$count" report
  done
}

# change FILE SOUND DAMAGED
change() {
  local text
  text=$(< "$1")
  [[ $text == *"$2"* ]] || fail "$1 has no '$2'"
  printf '%s\n' "${text//"$2"/"$3"}" > "$1"
}

# Takes a driver that is like the sound one but for one kernel.
take_kernel() {
  local sources=$place/sources
  rm -rf "$sources" "$place/driver"
  mkdir "$sources"
  cp "$root"/kernels/*/*.cuh "$root"/kernels/*/"$1.cu" "$sources"
  change "$sources/$2" "$3" "$4"
  "$root/src/test/pretend-cuda/build.sh" "$root/target/pretend-cuda-damaged" --plain --only 80 --kernels "$sources"
  cp -r "$driver" "$place/driver"
  rm -f "$place/driver/kernels/$1".*so
  cp "$root/target/pretend-cuda-damaged/kernels/$1.so" "$place/driver/kernels"
  taken=$place/driver
}

# Changes a file in the program's jar.
take_jar() {
  local file=io/github/wandacuda/kernels/$1 archive=$place/bundle/lib/wanda-cuda.jar
  cp "$archive" "$place/sound.jar"
  (cd "$place" && "$jar" --extract --file "$archive" "$file")
  change "$place/$file" "$2" "$3"
  "$jar" --update --file "$archive" -C "$place" "$file"
}

damage() {
  local number=$1 parts=() rest="${damages[$1]} => " status=0 variable=$without_opencl
  local taken=
  while [[ -n $rest ]]; do
    parts+=("${rest%% => *}")
    rest=${rest#* => }
  done
  case ${parts[0]} in
    launch) run "damage-$number" 4 "$variable" "PRETEND_CUDA_FAIL=${parts[1]}" --small smoke report || status=$? ;;
    jar)
      [[ ${parts[1]} == *.ptx ]] || variable=PRETEND_CUDA_DEVICES=0
      take_jar "${parts[@]:1:3}"
      run "damage-$number" 4 "$variable" --small smoke report || status=$?
      mv "$place/sound.jar" "$place/bundle/lib/wanda-cuda.jar"
      ;;
    *)
      take_kernel "${parts[@]:0:4}"
      run "damage-$number" 4 "$variable" --small --limit 15 smoke report || status=$?
      ;;
  esac
  [[ $status -eq 1 ]] || fail "damage $number: expected exit code 1, found $status"
  grep -e "${parts[-1]}" "$results/damage-$number/gpu.md" | head -n 1 | cut -c 1-250 ||
    fail "damage $number: no '${parts[-1]}' in $results/damage-$number/gpu.md"
}

# Kills a phase somewhere, with all that was started. The rows that were printed stand in the files, and the phase can be run
# again.
killed() {
  local phase=$1 folder=$results/killed-$1 session each printed kept
  rm -rf "$folder"
  mkdir -p "$folder"
  setsid "$BASH" -c "$(declare -p results driver place) && $(declare -f run) && run killed-$phase 4 --small $phase" \
    > "$folder/log" 2>&1 &
  session=$!
  sleep "$((RANDOM % $2)).$((RANDOM % 10))"
  while ps --sid "$session" > "$place/pids"; do
    while read -r each _; do
      kill -KILL "$each" 2> /dev/null || true
    done < <(tail -n +2 "$place/pids")
  done
  wait "$session" 2> /dev/null || true
  printed=$(grep -c '^{' "$folder/log" || true)
  kept=$(cat "$folder"/*.json 2> /dev/null | grep -cE '^ +"(kernel|test|run)" ?: ' || true)
  echo "$phase: $printed rows printed, $kept kept, $(sed -n 's/^  "reason" : //p' "$folder"/*.json | tail -n 1)"
  [[ $kept -ge $printed ]] || fail "$phase: $printed rows were printed, $kept kept: $folder"
  run "killed-$phase" 4 --small "$phase" > "$folder/again" 2>&1 || fail "$phase: can't be run again: $folder/again"
}

kills() {
  local phase
  for phase in smoke parity-cuda parity-opencl kernels end-to-end-1b end-to-end-7b calibrated-7b; do
    killed "$phase" "${1:-20}"
  done
}

build=()
if [[ ${1:-} == --no-build ]]; then
  build=(--no-build)
  shift
fi
jar=${JAVA_HOME:-$(compgen -G '/usr/lib/jvm/*25*' | head -n 1)}/bin/jar
"$root/bench/gpu/bundle.sh" "${build[@]}" "$root/target/gpu-bundle" | tail -n 1
"$root/src/test/pretend-cuda/build.sh" "$driver" --kernels "$root/kernels/select" --kernels "$root/kernels/forward" \
  --kernels "$root/src/test/pretend-cuda/selftest"
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cp -r "$root/target/gpu-bundle" "$place/bundle"
while [[ $# -gt 0 ]]; do
  task=$1
  shift
  given=()
  while [[ ${1:-} =~ ^[0-9]+$ ]]; do
    given+=("$1")
    shift
  done
  case $task in
    small | full | kills) "$task" "${given[@]}" ;;
    damages)
      [[ ${#given[@]} -gt 0 ]] || mapfile -t given < <(seq 0 $((${#damages[@]} - 1)))
      for number in "${given[@]}"; do
        echo "== damage $number: ${damages[$number]}"
        (damage "$number") > "$place/log" 2>&1 || { cat "$place/log"; exit 1; }
        tail -n 1 "$place/log"
      done
      ;;
    *) fail "expected small, full, kills or damages, found $task" ;;
  esac
  echo "$task: passed"
done
