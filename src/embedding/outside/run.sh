#!/usr/bin/env bash
# A project outside this repository whose local Maven repository is empty but for the artifact: compiles and runs each
# example on wanda-cuda alone, then with the GPUs' bindings, and a program that has modules on the module path. Run after
# `mvn package`, in the root of the repository.
set -euo pipefail
cd "$(dirname "$0")/../../.."

java_home=${JAVA_HOME:-}
case "$("${java_home:-/usr}/bin/java" -version 2>&1)" in *'"25'*) ;; *) java_home=$(ls -d /usr/lib/jvm/*25* | head -n 1) ;; esac
export JAVA_HOME=$java_home
root=$PWD
outside=$(mktemp -d)
trap 'rm -rf "$outside"' EXIT
examples=src/embedding/examples/src/main/java/example
maven() { mvn -B -ntp -q -Dmaven.repo.local="$outside/repository" "$@"; }

maven org.apache.maven.plugins:maven-install-plugin:3.1.4:install-file -Dfile=target/wanda-cuda-0.2.0.jar -DpomFile=pom.xml
mkdir -p "$outside/project/src/main/java/example"
cp src/embedding/outside/pom.xml "$outside/project"

# build_with FLAGS...: compiles what is there, prints the tree and sets class_path.
build_with() {
  (cd "$outside/project" && maven "$@" clean compile org.apache.maven.plugins:maven-dependency-plugin:3.8.1:tree \
    -DoutputFile=tree.txt)
  (cd "$outside/project" && maven "$@" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath \
    -Dmdep.outputFile=class-path.txt)
  cat "$outside/project/tree.txt"
  class_path=$outside/project/target/classes:$(cat "$outside/project/class-path.txt")
}

# run EXAMPLE ARGUMENT...: prints what it prints.
run() {
  echo "$ $*"
  "$JAVA_HOME/bin/java" --add-modules=jdk.incubator.vector --enable-native-access=ALL-UNNAMED -cp "$class_path" "example.$1" "${@:2}"
}

model=$root/testdata/models/tiny-llama
statistics=$root/testdata/golden/tiny-llama/wanda-50.statistics.safetensors

cp $examples/{FiveLines,PruneDirectory,PruneWhileLoading,NormsOfYourForwardPass}.java "$outside/project/src/main/java/example"
build_with
jars=$(grep -c ':jar:' "$outside/project/tree.txt")
ours=$(grep -c 'io\.github\.wandacuda:.*:jar:' "$outside/project/tree.txt")
echo "jars below the project: $((jars - 1)), ours: $ours"
[ "$ours" -le 2 ]
run FiveLines
run PruneWhileLoading "$model" "$statistics" cpu
run NormsOfYourForwardPass cpu

# What the command line finds.
digest=$("$JAVA_HOME/bin/java" -jar target/wanda-cuda.jar prune --quiet --json --model "$model" --statistics "$statistics" \
  --output "$outside/by-command" | grep -o '"mask_sha256" *: *"[0-9a-f]*"' | grep -o '[0-9a-f]\{64\}')
run PruneDirectory "$model" "$statistics" "$outside/pruned" | tee "$outside/printed"
grep -q "^masks $digest$" "$outside/printed"

# The same from within a module: nothing is on the class path, and nothing but wanda-cuda is required.
modular=src/embedding/modular/src/main/java
mkdir "$outside/modules"
"$JAVA_HOME/bin/javac" --module-path "$class_path" -d "$outside/modules" $modular/module-info.java $modular/example/modular/*.java
printf 'stages:\n  - sparsity: 0.5\n' > "$outside/half.yaml"
"$JAVA_HOME/bin/java" --module-path "$outside/modules:$(cat "$outside/project/class-path.txt")" \
  --add-modules=jdk.incubator.vector --enable-native-access=io.github.wandacuda \
  --module=example.modular/example.modular.ModularProgram "$model" "$outside/half.yaml" "$statistics" "$outside/by-module" \
  | tee "$outside/printed"
grep -q '^in module io.github.wandacuda$' "$outside/printed"
grep -q "^masks $digest$" "$outside/printed"

cp $examples/*.java "$outside/project/src/main/java/example"
build_with -Pgpus
backends=cpu
if ls /etc/OpenCL/vendors/*.icd >/dev/null 2>&1; then
  run PruneOnYourOpenClMemory
  backends="$backends opencl"
else
  echo 'no OpenCL device: not run on one'
fi
if command -v g++ >/dev/null && [ "$(uname -sm)" = 'Linux x86_64' ]; then
  sh src/test/pretend-cuda/build.sh target/pretend-cuda --kernels kernels/select --kernels kernels/forward \
    --kernels src/test/pretend-cuda/selftest
  export LD_LIBRARY_PATH=$root/target/pretend-cuda
  run PruneOnYourCudaMemory
  backends="$backends cuda"
else
  echo 'no g++ on Linux x86-64: not run on the pretended CUDA'
fi
for backend in $backends; do
  run PruneWhileLoading "$model" "$statistics" "$backend"
  run NormsOfYourForwardPass "$backend"
done
