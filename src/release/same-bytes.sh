#!/usr/bin/env bash
# Builds the release twice, here and in a copy elsewhere under another time zone and locale, there without Error Prone, and
# compares every file of the two bundles. Jars hold the rights of their files, so builds are the same under one umask.
#
#   src/release/same-bytes.sh [--no-build]      --no-build: `mvn -Prelease verify` has just run here
set -euo pipefail
cd "$(dirname "$0")/../.."

bundle() {
  mvn -B -ntp -q "$@" -Dmaven.test.skip=true verify
}

[[ ${1:-} == --no-build ]] || bundle -Prelease
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
copy="$scratch/a copy"
mkdir "$copy"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$copy"
(cd "$copy" && TZ=Pacific/Chatham LC_ALL=C.UTF-8 bundle -Prelease,quick)
diff -rq target/central "$copy/target/central" || {
  echo "same-bytes.sh: these differ from build to build" >&2
  exit 1
}
echo "the same bytes twice:"
(cd target/central && find . -name '*.jar' -o -name '*.pom' | sort | xargs ls -l | awk '{ print "  " $5, $NF }')
