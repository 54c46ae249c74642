#!/bin/sh
# Prunes the bundled LLaMA to 50 % by Wanda and by magnitude, and shows sparsity and perplexity before and after.
# Usage: src/demo/demo.sh [OUTPUT_DIRECTORY]
set -eu

home=$(cd "$(dirname "$0")/../.." && pwd)
jar="$home/target/wanda-cuda.jar"
model="$home/testdata/models/tiny-llama"
calibration="$home/testdata/text/calibration.txt"
heldout="$home/testdata/text/heldout.txt"
output=${1:-"$home/target/demo"}

if [ ! -f "$jar" ]; then
  echo "demo: $jar is missing; build it with: mvn -q -DskipTests package" >&2
  exit 1
fi
rm -rf "$output/wanda-50" "$output/magnitude-50"
mkdir -p "$output"

wanda_cuda() {
  java -jar "$jar" "$@"
}

# The value of a number in a JSON object that a command printed.
number() {
  sed -n "s/^ *\"$1\" : \([0-9.eE+-]*\),*$/\1/p" | head -n 1
}

wanda_cuda prune --model "$model" --calibration "$calibration" --sparsity 0.5 --output "$output/wanda-50"
wanda_cuda prune --model "$model" --method magnitude --sparsity 0.5 --output "$output/magnitude-50"

report() {
  sparsity=$(wanda_cuda inspect --model "$2" --json --quiet | number sparsity)
  perplexity=$(wanda_cuda perplexity --model "$2" --text "$heldout" --json --quiet | number perplexity)
  awk -v name="$1" -v sparsity="$sparsity" -v perplexity="$perplexity" \
    'BEGIN { printf "%-10s  %8.2f %%  %10.2f\n", name, 100 * sparsity, perplexity }'
}

echo
printf '%-10s  %10s  %10s\n' model sparsity perplexity
report dense "$model" 2>/dev/null
report wanda "$output/wanda-50" 2>/dev/null
report magnitude "$output/magnitude-50" 2>/dev/null
