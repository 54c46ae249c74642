#!/usr/bin/env bash
# Prunes the bundled model with target/image where no Java can be found, and compares the masks with the jar's.
# `mvn -Pimage -DskipTests package` makes both.
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() {
  echo "check.sh: $1" >&2
  exit 1
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
program=$scratch/elsewhere/bin/wanda-cuda
# Moved, and with nothing on the path but what the script itself calls.
cp -r target/image "$scratch/elsewhere"
mkdir "$scratch/path"
for tool in dirname readlink; do
  ln -s "$(command -v $tool)" "$scratch/path/$tool"
done
ln -s "$program" "$scratch/linked"

prune() {
  local output=$1
  shift
  "$@" prune --model testdata/models/tiny-llama --calibration testdata/text/calibration.txt --samples 4 \
    --backend cpu --output "$output" --json --quiet | grep mask_sha256
}

alone() {
  env -i PATH="$scratch/path" HOME="$HOME" "$@"
}

alone java -version > /dev/null 2>&1 && fail "there is a java on the path"
of_image=$(prune "$scratch/of-image" alone "$scratch/linked")
of_jar=$(prune "$scratch/of-jar" java -jar target/wanda-cuda.jar)
[[ -n $of_image && $of_image == "$of_jar" ]] || fail "the image's masks are '$of_image', the jar's '$of_jar'"

# Its pages and its completion are what this program's commands are.
pages=("$scratch"/elsewhere/share/man/man1/*.1)
[[ ${#pages[@]} -ge 8 ]] || fail "${#pages[@]} man pages"
alone "$program" generate-completion | cmp - "$scratch/elsewhere/share/bash-completion/completions/wanda-cuda" ||
  fail "another completion script"
echo "the image prunes as the jar does, without a Java: $of_image ($(du -sm target/image | cut -f 1) MB)"
