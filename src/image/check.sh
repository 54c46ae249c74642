#!/usr/bin/env bash
# Prunes the bundled model with target/image, and with the Debian package installed in a folder, where no Java can be found, and
# compares the masks with the jar's. `mvn -Ppackage -DskipTests package` makes all three.
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
# Its Java has what a connection takes: there is no hub at this address.
status=0
env -i PATH="$scratch/path" HOME="$HOME" HF_ENDPOINT=http://127.0.0.1:1 "$program" download org/model --cache "$scratch/hub" \
  2> "$scratch/log" || status=$?
[[ $status == 7 ]] || fail "a download without a hub ends with $status: $(cat "$scratch/log")"
echo "the image prunes as the jar does, without a Java: $of_image ($(du -sm target/image | cut -f 1) MB)"

# Installed, used and removed, in a root of its own.
command -v dpkg > /dev/null || exit 0
root=$scratch/root
mkdir -p "$root/var/lib/dpkg"/{info,updates,triggers}
touch "$root/var/lib/dpkg"/{available,status}
package() {
  dpkg --root="$root" --force-not-root --force-depends --force-script-chrootless --no-triggers "$@" > "$scratch/dpkg.log" 2>&1 ||
    fail "dpkg $*: $(tail -n 1 "$scratch/dpkg.log")"
}
package --install target/wanda-cuda-*.deb
[[ -f $root/usr/share/man/man1/wanda-cuda.1 && -f $root/usr/share/doc/wanda-cuda/copyright ]] || fail "a package without pages or licence"
of_package=$(prune "$scratch/of-package" alone "$root/usr/bin/wanda-cuda")
[[ $of_package == "$of_jar" ]] || fail "the package's masks are '$of_package', the jar's '$of_jar'"
package --remove wanda-cuda
left=$(find "$root" -path "$root/var" -prune -o -type f -print)
[[ -z $left ]] || fail "the removed package left $left"
echo "the Debian package installs, prunes and goes"
