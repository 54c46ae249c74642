#!/usr/bin/env bash
# Makes a folder with all that a Linux x86-64 machine with an NVIDIA driver needs to run the GPU benchmarks: no Java, no
# Maven and no network there. PyTorch is used where it is.
#
#   bench/gpu/bundle.sh [--no-build] OUTDIR
#
# Needs Maven and a JDK 25 here. --no-build takes what `mvn install` left in target and ~/.m2.
set -euo pipefail

limit=$((50 * 1000 * 1000))
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
natives=linux-x86_64
dependency_plugin=org.apache.maven.plugins:maven-dependency-plugin:3.9.0

fail() {
  echo "bundle.sh: $1" >&2
  exit 1
}

is_jdk() {
  [[ -x $1/bin/jlink ]] && grep -Eq '^JAVA_VERSION="(2[5-9]|[3-9][0-9])' "$1/release"
}

find_jdk() {
  local candidate
  for candidate in "${JAVA_HOME:-}" /usr/lib/jvm/*; do
    if [[ -n $candidate ]] && is_jdk "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  fail "needs a JDK 25 with jlink: set JAVA_HOME to one"
}

build() {
  mvn -B -ntp -q -DskipTests -Dspotless.check.skip=true -f "$root/pom.xml" install
  mvn -B -ntp -q -DskipTests -f "$root/bench/pom.xml" package
}

# Packed, since the JVM alone is half of the limit otherwise; run.sh unpacks it.
make_runtime() {
  "$jdk/bin/jlink" \
    --add-modules java.base,java.logging,java.management,jdk.incubator.vector,jdk.management,jdk.unsupported,jdk.zipfs \
    --strip-debug --no-header-files --no-man-pages --vm server --compress zip-0 \
    --add-options=" --add-modules=jdk.incubator.vector --enable-native-access=ALL-UNNAMED" \
    --output "$scratch/runtime" 2> "$scratch/jlink.log" || fail "jlink: $(cat "$scratch/jlink.log")"
  if command -v strip > /dev/null; then
    find "$scratch/runtime/lib" -name '*.so' -exec strip --strip-unneeded {} +
  fi
  tar -C "$scratch" -c runtime | gzip -9 > "$out/runtime.tar.gz"
}

# The program without the natives of other systems, what the tokenizer brings beside itself, Parquet and recipes.
make_program() {
  mkdir "$scratch/program"
  (cd "$scratch/program" && "$jdk/bin/jar" --extract --file "$root/target/wanda-cuda.jar")
  (
    cd "$scratch/program"
    find lib -type f ! -name "*$natives*" -delete
    find native -type f -mindepth 3 ! -path "native/lib/$natives/*" -delete
    rm -r nlp ai/djl/modality/cv org/apache/commons/compress dev/hardwood org/snakeyaml
  )
  repack program wanda-cuda.jar
}

repack() {
  local manifest=$scratch/$1/META-INF/MANIFEST.MF
  mv "$manifest" "$scratch/$1.manifest"
  "$jdk/bin/jar" --create --file "$out/lib/$2" --manifest "$scratch/$1.manifest" -C "$scratch/$1" .
}

# All test classes but those that need what isn't brought along: nothing pretends to be a driver where there is a real one, and
# damage to kernels is noticed anywhere. The others find Jackson where the program's jar has it.
make_tests() {
  cp -r "$root/target/test-classes" "$scratch/tests"
  find "$scratch/tests" \( -name 'ArchitectureTest*' -o -name 'Pretend[CDSRT]*' -o -path '*/pruning/Recipe*' \
    -o -name 'CudaSelectKernelsTest*' -o -name 'DamagedCuda*' -o -name 'GpuParity*Experts*' -o -name 'DamagedForward*' \
    -o -name 'DamagedKernelTest*' \) -delete
  (cd "$scratch/tests/io/github/wandacuda" && rm -r checkpoint cli cluster docs error evaluate faults hub io job launcher model \
    report system text)
  "$jdk/bin/java" "$root/src/build/Relocate.java" "$scratch/tests" com/fasterxml/jackson io/github/wandacuda/jackson
  "$jdk/bin/jar" --create --file "$out/lib/tests.jar" -C "$scratch/tests" .
  mvn -B -ntp -q -f "$root/pom.xml" "$dependency_plugin:copy-dependencies" -DoutputDirectory="$out/lib" \
    -DincludeGroupIds=org.junit.jupiter,org.junit.platform,org.opentest4j,org.apiguardian,org.jspecify,net.jqwik,org.assertj \
    -DexcludeArtifactIds=jqwik-time,jqwik-web
  mvn -B -ntp -q -f "$root/bench/pom.xml" "$dependency_plugin:copy-dependencies" -DoutputDirectory="$out/lib" \
    -DincludeGroupIds=org.junit.platform -DincludeScope=provided
  cp -r "$root/testdata" "$out/testdata"
  rm -r "$out/testdata/gguf" "$out/testdata/tasks" "$out/testdata/models/tiny-mixture"
  find "$out/testdata/golden/structured" -mindepth 1 -maxdepth 1 ! -name tiny-llama.json -exec rm -r {} +
  # Tests look which of them were read.
  (cd "$root" && cp --parents kernels/*/*.cl "$out")
  # Families of kernels that others have too, or that tests of operations run.
  (cd "$out/testdata/fixtures" && rm -r apertus cohere cohere2 deepseek_v2 ernie4_5_moe exaone4 gemma gemma3_text \
    gemma3_text-pattern glm4 glm4_moe glm4_moe-mtp gpt_neox gpt_neox-sequential granite granitemoe hunyuan_v1_dense \
    llama-dynamic llama-yarn llama4_text minimax_m2 ministral3 mistral nemotron olmo2 olmo3 olmoe opt-350m phi3 \
    phi3-longrope phimoe qwen2 qwen3_5_text qwen3_moe seed_oss stablelm starcoder2)
  # Formats of codes that a test of the kernel has too.
  find "$out/testdata/quantized" -mindepth 1 -maxdepth 1 ! -name mxfp4-gpt_oss ! -name fp8-block-bf16-qwen3 -exec rm -r {} +
}

make_benchmarks() {
  mkdir "$scratch/benchmarks"
  (
    cd "$root/bench/target/classes"
    cp -r --parents META-INF/services io/github/wandacuda/{backend,bench/common,bench/device,bench/gpu} "$scratch/benchmarks"
  )
  "$jdk/bin/jar" --create --file "$out/lib/benchmarks.jar" -C "$scratch/benchmarks" .
  cp "$root"/bench/gpu/{run.sh,torch_kernels.py,shapes.json,README.md} "$root/LICENSE" "$out"
}

write_manifest() {
  (cd "$out" && find . -type f ! -path './testdata/*' ! -name MANIFEST.txt -printf '%s %P\n' | sort -rn > "$scratch/files")
  {
    echo "wanda-cuda $(git -C "$root" describe --always --dirty 2> /dev/null || echo "of unknown revision")"
    echo "bytes file"
    cat "$scratch/files"
    echo "$(find "$out/testdata" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum }') testdata/"
  } > "$out/MANIFEST.txt"
}

build_first=true
if [[ ${1:-} == --no-build ]]; then
  build_first=false
  shift
fi
[[ $# -eq 1 ]] || fail "expected one folder: bundle.sh [--no-build] OUTDIR"
jdk=$(find_jdk)
if $build_first; then
  build
fi
[[ -f $root/target/wanda-cuda.jar && -d $root/bench/target/classes ]] || fail "nothing is built yet: leave out --no-build"

mkdir -p "$1"
out=$(cd "$1" && pwd)
if [[ -n $(ls -A "$out") ]]; then
  [[ -f $out/MANIFEST.txt ]] || fail "$out is not empty and no bundle"
  find "$out" -mindepth 1 -delete
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$out/lib"
make_runtime
make_program
make_tests
make_benchmarks
write_manifest

bytes=$(find "$out" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum }')
echo "$bytes bytes in all" >> "$out/MANIFEST.txt"
cat "$out/MANIFEST.txt"
[[ $bytes -le $limit ]] || fail "$out has $bytes bytes, more than $limit"
