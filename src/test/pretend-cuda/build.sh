#!/bin/sh
# Builds the pretend driver and the kernels for the CPU with g++ alone, what changed of it:
#
#   build.sh OUT [--asan | --tsan | --plain] [--only ARCHITECTURE] [--kernels DIRECTORY]... [--program TEST.cpp]...
#
#   OUT/libcuda.so.1              the driver, with the runtime that runs a block's threads as fibers
#   OUT/cublas/libcublas.so.12    cuBLAS, in a directory of its own so that it can be there or not
#   OUT/kernels/NAME.so           a kernel file; NAME.sm_75.so and NAME.sm_80.so where the code of two architectures differs
#   OUT/kernels/RESOURCES.md      what they need: kernels/generated/RESOURCES.md, and that of a directory of kernels that has one
#   OUT/TEST                      a program over harness.h, for kernels without the driver
#
# Kernels refuse all that has no defined result. --asan adds AddressSanitizer to that, for programs over harness.h. --tsan has
# ThreadSanitizer instead, which sees the pretended threads as threads. --plain sees misaligned accesses and indices out of bounds
# alone and compiles kernels with less optimizing, which takes half of the time, --only 80 for one architecture, which does too.
# --kernels takes the .cu files of that directory instead of kernels/select and kernels/forward. --kernels and --program may be
# given more than once. The driver's objects are in OUT/../pretend-cuda-objects, which several OUTs share.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
kernels=$here/../../../kernels
[ $# -ge 1 ] || { sed -n '2,16s/^# \{0,1\}//p' "$0"; exit 2; }
out=$1
shift
optimize=-O2 plain= sanitize= undefined=undefined,float-cast-overflow races= programs= directories= architectures='75 80'
while [ $# -gt 0 ]; do
  case $1 in
    --asan) optimize=-O1 sanitize=-fsanitize=address ;;
    --tsan) optimize=-O1 races=-fsanitize=thread undefined=alignment,bounds ;;
    --plain) plain=-O1 undefined=alignment,bounds ;;
    --only) architectures=$2; shift ;;
    --kernels) directories="$directories $2"; shift ;;
    --program) programs="$programs $2"; shift ;;
    *) echo "unknown option $1" >&2; exit 2 ;;
  esac
  shift
done
: "${directories:=$kernels/select $kernels/forward}"
processors=$(nproc)
mkdir -p "$out/build" "$out/kernels" "$out/cublas"
out=$(cd "$out" && pwd)
objects=$(dirname "$out")/pretend-cuda-objects/driver$optimize$sanitize
mkdir -p "$objects"

common="-std=c++20 $optimize -g1 -fPIC -ffp-contract=off -fno-strict-aliasing -fvisibility=hidden -Wall -Wno-maybe-uninitialized $sanitize -I$here/runtime"
# A call of the library's fma, which looks what the processor has, takes longer than the instruction.
grep -qw fma /proc/cpuinfo && fma=-mfma || fma=
# Checks whose handlers are in runtime/checks.cpp.
kernel="$common $plain $races $fma -Wno-unknown-pragmas -Wno-unused-function -Wno-unused-variable -fsanitize=$undefined"
kernel="$kernel -fno-sanitize-recover=$undefined -I$kernels/lib"

# What a key is made of: all but where this folder is, so that a copy of it has nothing to build.
anywhere() { sed "s|$here|.|g"; }

# compile KEY COMMAND...: runs the command unless it was run with the same key, which is a file that sums up its inputs.
compile() {
  key=$1
  shift
  if ! cmp -s "$key.new" "$key"; then
    rm -f "$key"
    "$@"
    mv "$key.new" "$key"
  else
    rm -f "$key.new"
  fi
}

library() {
  name=$1
  source=$2
  object=$objects/$name.$(basename "$source" .cpp)
  { echo "$common"; cat "$here"/runtime/*.h "$here"/driver/*.h "$source"; } 2>/dev/null | anywhere |
    sha256sum >"$object.key.new"
  compile "$object.key" g++ $common -I"$here/driver" -c "$source" -o "$object.o"
}

# Preprocesses a kernel file for both architectures and compiles it once for each that differs, if a file that it may include
# has changed.
kernel_file() {
  source=$1
  name=$(basename "$source" .cu)
  inputs=$out/build/$name.inputs
  { echo "$kernel $architectures"; cat "$source" "$(dirname "$source")"/*.cuh "$kernels"/lib/*.cuh "$here"/runtime/*.h; } 2>/dev/null |
    anywhere | sha256sum >"$inputs.new"
  if cmp -s "$inputs.new" "$inputs" && ls "$out/kernels/$name".*so >/dev/null 2>&1; then
    return
  fi
  rm -f "$inputs"
  for architecture in $architectures; do
    g++ -x c++ $kernel -D__CUDA_ARCH__=${architecture}0 -E -P "$source" -o "$out/build/$name.$architecture.text"
  done
  if [ "$architectures" != '75 80' ] || cmp -s "$out/build/$name.75.text" "$out/build/$name.80.text"; then
    rm -f "$out/kernels/$name.sm_75.so" "$out/kernels/$name.sm_80.so"
    kernel_library "$source" "$name" "${architectures#* }" "$name"
  else
    rm -f "$out/kernels/$name.so"
    for architecture in $architectures; do kernel_library "$source" "$name" $architecture "$name.sm_$architecture"; done
  fi
  mv "$inputs.new" "$inputs"
}

# A kernel is what has the attribute of __global__: the last name before its parameters.
kernel_library() {
  source=$1
  text=$out/build/$2.$3.text
  wrapper=$out/build/$4.cpp
  names=$(tr '\n' ' ' <"$text" | grep -oP '__visibility__\("default"\), __used__\)\)[^;{(]*?\K\w+(?=\s*\()' | sort -u)
  {
    echo "#include \"$source\""
    echo '#include "register.h"'
    echo 'static const pretend::Kernel all[] = {'
    for each in $names; do echo "    PRETEND_KERNEL($each),"; done
    echo '};'
    echo 'static const bool registered = (pretend::registerKernels(all, std::size(all)), true);'
  } >"$wrapper"
  { echo "$kernel"; cat "$text" "$wrapper" "$here/runtime/register.h" "$here/runtime/kernel.h"; } | anywhere |
    sha256sum >"$out/build/$4.key.new"
  [ -e "$out/kernels/$4.so" ] || rm -f "$out/build/$4.key"
  compile "$out/build/$4.key" g++ $kernel -include "$headers" -D__CUDA_ARCH__=${3}0 -shared "$wrapper" \
    -o "$out/kernels/$4.so" -L"$out" -l:libcuda.so.1 -Wl,-rpath,'$ORIGIN/..'
}

# in_parallel FUNCTION ITEM...: as many at a time as there are processors, and fails if one does.
in_parallel() {
  function=$1
  shift
  jobs= count=0
  for item in "$@"; do
    $function "$item" &
    jobs="$jobs $!"
    count=$((count + 1))
    if [ "$count" -ge "$processors" ]; then
      oldest=${jobs#" "}
      oldest=${oldest%%" "*}
      wait "$oldest"
      jobs=${jobs#" $oldest"}
      count=$((count - 1))
    fi
  done
  for job in $jobs; do wait "$job"; done
}

program() {
  name=$(basename "$1" .cpp)
  {
    echo "$optimize $sanitize $races"
    cat "$1" "$(dirname "$1")"/*.h "$here"/*.h "$here"/runtime/*.h
  } 2>/dev/null | anywhere | sha256sum >"$out/build/$name.program.new"
  [ -e "$out/$name" ] || rm -f "$out/build/$name.program"
  compile "$out/build/$name.program" g++ -std=c++20 $optimize -g $sanitize $races -ffp-contract=off -Wall -I"$here" \
    -I"$here/runtime" "$1" -o "$out/$name" -L"$out" -l:libcuda.so.1 -Wl,-rpath,'$ORIGIN' -pthread
}

cuda_source() { library cuda "$1"; }
cublas_source() { library cublas "$1"; }

# link NAME LIBRARY FLAG...: links the objects of NAME.
link() {
  name=$1
  target=$2
  shift 2
  cat "$objects/$name".*.key | sha256sum >"$out/build/$name.key.new"
  compile "$out/build/$name.key" g++ $sanitize -shared "-Wl,-soname,$(basename "$target")" "$objects/$name".*.o \
    -o "$target" "$@"
}

exec 9>"$out/build/lock" 8>"$objects/lock"
flock 9
flock 8
in_parallel cuda_source "$here"/runtime/*.cpp "$here"/driver/*.cpp
in_parallel cublas_source "$here"/cublas/*.cpp
link cuda "$out/libcuda.so.1" -pthread -ldl
link cublas "$out/cublas/libcublas.so.12" "-Wl,--version-script=$here/cublas/cublas.map" -L"$out" -l:libcuda.so.1 \
  -Wl,-rpath,'$ORIGIN/..'
exec 8>&-
# The headers of all kernels, read once: a third of the time of a small kernel's.
headers=$out/build/headers.h
echo '#include "register.h"' >"$headers"
{ echo "$kernel"; cat "$here"/runtime/*.h; } | anywhere | sha256sum >"$headers.key.new"
compile "$headers.key" g++ $kernel -x c++-header "$headers" -o "$headers.gch"
files=
for directory in $directories; do files="$files $(find "$(cd "$directory" && pwd)" -maxdepth 1 -name '*.cu')"; done
in_parallel kernel_file $files
# What was built of a source that is gone would be loaded too.
listed=" $(echo $files) "
for built in "$out"/kernels/*.so; do
  source_name=$(basename "$built" .so)
  case "$listed" in *"/${source_name%.sm_*}.cu "*) ;; *) rm -f "$built" ;; esac
done
{
  cat "$kernels/generated/RESOURCES.md"
  for directory in $directories; do cat "$directory/RESOURCES.md" 2>/dev/null || :; done
} >"$out/build/RESOURCES.md"
mv "$out/build/RESOURCES.md" "$out/kernels"
in_parallel program $programs
