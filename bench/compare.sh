#!/usr/bin/env bash
# Measures the program beside a copy, PyTorch, OpenBLAS and cp on this machine, and writes bench/results and the table of
# speeds in src/site/markdown/benchmarks.md.
#
#   compare.sh [--no-build] [--quick] [--results DIR] [--memory DIR] [--disk DIR] [ROW]...
#
# ROW is a row's name or how names start (select-copy, linear-openblas-BF16, …); without one all rows are measured. --quick takes
# tiny sizes, to test the scripts, and leaves the page alone. --no-build takes what Maven built before.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
  echo "compare.sh: $1" >&2
  exit 2
}

find_java() {
  local home
  for home in "${JAVA_HOME:-}" /usr/lib/jvm/*; do
    if grep -Eqs '^JAVA_VERSION="(2[5-9]|[3-9][0-9])' "$home/release"; then
      echo "$home/bin/java"
      return
    fi
  done
  fail "needs a JDK 25: set JAVA_HOME to one"
}

java=$(find_java)
if [[ ${1:-} == --no-build ]]; then
  shift
else
  mvn -B -ntp -q -DskipTests install
  mvn -B -ntp -q -DskipTests -f bench/pom.xml package
fi
[[ -f bench/target/benchmarks.jar && -f target/wanda-cuda.jar ]] || fail "nothing is built yet: leave out --no-build"
exec "$java" -cp bench/target/benchmarks.jar io.github.wandacuda.bench.compare.Main "$@"
