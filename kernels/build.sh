#!/bin/sh
# Compiles the .cu files under kernels/ to the PTX that is shipped, and writes down what each kernel needs on each
# architecture:
#
#   kernels/build.sh [NAME]...           writes kernels/generated: *.ptx, RESOURCES.md and DIGESTS.txt, of all files or some
#   kernels/build.sh --check [NAME]...   builds beside them and says whether they are what the sources give
#   kernels/build.sh --digests           prints what DIGESTS.txt should have, without compiling
#
# A digest is of a file with all that it includes, short of comments, of how it is compiled, of its PTX and its table: where it
# is the one that was written down, there is nothing to compile.
#
# NAME.sm_75.ptx runs from Turing on. Where compute_80 gives other code there is NAME.sm_80.ptx too, which is better from
# Ampere on. The header is lowered to the oldest version that has all that is used, so that drivers from CUDA 11.8 on take
# it; ptxas says that it may be.
set -eu
LC_ALL=C
export LC_ALL

here=$(cd "$(dirname "$0")" && pwd)
architectures="75 80 86 89 90 100 120"
version=7.0
release=13.0

flags="-std=c++20 -fmad=false -ftz=false -prec-div=true -prec-sqrt=true -Werror all-warnings"
cd "$here"
sources=$(echo select/*.cu forward/*.cu)

# closure FILE: the file and all that it includes.
closure() {
  seen= pending=$1
  while [ -n "$pending" ]; do
    file=${pending%% *}
    pending=${pending#"$file"}
    pending=${pending# }
    case " $seen " in *" $file "*) continue ;; esac
    seen="$seen $file"
    for included in $(sed -n 's/^#include "\(.*\)"$/\1/p' "$file"); do
      # The headers of the pretend CUDA aren't here.
      for directory in "$(dirname "$file")" lib; do
        if [ -e "$directory/$included" ]; then pending="${pending:+$pending }$directory/$included"; fi
      done
    done
  done
  echo "$seen"
}

# section DIRECTORY SOURCE: a file's table in that directory's RESOURCES.md.
section() {
  awk -v head="## $2" '$0 == head { on = 1; next } /^## / { on = 0 } on && /^\|/' "$1/RESOURCES.md"
}

# digests DIRECTORY: a line for each source, with the PTX and the table of that directory.
digests() {
  for source in $sources; do
    {
      echo "$release $version $architectures $flags"
      cat $(closure "$source") | sed -e 's|//.*||' -e 's/[[:space:]]*$//' -e '/^$/d'
      cat "$1/$(basename "$source" .cu)".sm_*.ptx
      section "$1" "$source"
    } | sha256sum | sed "s|-|$source|"
  done
}

check=
case ${1-} in
  --digests) digests generated; exit ;;
  --check) check=yes; shift ;;
  -*) sed -n '2,18s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
chosen=$sources
if [ $# -gt 0 ]; then
  chosen=
  for source in $sources; do
    case " $* " in *" $(basename "$source" .cu) "*) chosen="$chosen $source" ;; esac
  done
fi

command -v nvcc >/dev/null && command -v ptxas >/dev/null || { echo "nvcc and ptxas are needed" >&2; exit 3; }
nvcc --version | grep -q "release $release," || { echo "nvcc $release is needed, for the same PTX everywhere" >&2; exit 3; }

temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

out=$here/generated
if [ -n "$check" ]; then
  out=$temporary/check
  cp -r "$here/generated" "$out"
fi

# ptx SOURCE COMPUTE: without what differs from machine to machine.
ptx() {
  file=$(basename "$1" .cu).sm_$2
  (cd "$(dirname "$1")" && nvcc -ptx -arch="compute_$2" $flags -I ../lib "$(basename "$1")" -o "$temporary/$file.raw")
  sed -E -e '/^[[:space:]]*\/\//d' -e "s/^\.version .*/.version $version/" -e 's/[[:space:]]*$//' \
    -e 's/(_INTERNAL_|_GLOBAL__N__)[0-9a-f]{8}_/\100000000_/g' "$temporary/$file.raw" |
    cat -s >"$temporary/$file.ptx"
}

# resources NAME COMPUTE ARCHITECTURE: a line for each kernel, "kernel architecture registers shared spilled".
resources() {
  ptxas -v -arch="sm_$3" "$temporary/$1.sm_$2.ptx" -o /dev/null 2>"$temporary/$1.$3.log" || { cat "$temporary/$1.$3.log" >&2; exit 1; }
  awk -v architecture="$3" '
    /Compiling entry function/ { split($0, part, "\047"); kernel = part[2]; stack = spilled = 0 }
    /bytes stack frame/ { for (i = 1; i < NF; i++) if ($(i + 1) == "bytes" && $(i + 2) == "stack") stack = $i }
    /bytes spill stores/ { for (i = 1; i < NF; i++) if ($(i + 1) == "bytes" && $(i + 2) == "spill") spilled += $i }
    /Used [0-9]+ registers/ {
      shared = 0
      for (i = 1; i <= NF; i++) { if ($i == "registers,") registers = $(i - 1); if ($i == "smem," || $i == "smem") shared = $(i - 2) }
      print kernel, architecture, registers, shared, spilled, stack
    }' "$temporary/$1.$3.log" >"$temporary/$1.$3.resources"
}

build() {
  name=$(basename "$1" .cu)
  ptx "$1" 75
  ptx "$1" 80
  better=80
  if [ "$(sed /^.target/d "$temporary/$name.sm_75.ptx")" = "$(sed /^.target/d "$temporary/$name.sm_80.ptx")" ]; then
    rm "$temporary/$name.sm_80.ptx"
    better=75
  fi
  resources "$name" 75 75
  for architecture in $architectures; do
    [ "$architecture" = 75 ] || resources "$name" $better "$architecture"
  done
}

# table NAME: a file's kernels by architecture.
table() {
  cat "$temporary/$1".*.resources | awk -v architectures="$architectures" '
    { if (!($1 in seen)) { seen[$1] = 1; kernels[++count] = $1 } cell[$1, $2] = $3 (($4 > 0) ? " / " $4 : "") (($6 > 0) ? " / stack " $6 : "") (($5 > 0) ? " / spills " $5 : "") }
    END {
      columns = split(architectures, column, " ")
      header = "| kernel |"; rule = "|---|"
      for (i = 1; i <= columns; i++) { header = header " sm_" column[i] " |"; rule = rule "---|" }
      print header; print rule
      for (k = 1; k <= count; k++) {
        line = "| `" kernels[k] "` |"
        for (i = 1; i <= columns; i++) line = line " " cell[kernels[k], column[i]] " |"
        print line
      }
    }'
}

# As many at a time as there are processors.
running=
for source in $chosen; do
  build "$source" &
  running="$running $!"
  set -- $running
  if [ $# -ge "$(nproc)" ]; then
    wait "$1"
    shift
    running="$*"
  fi
done
for process in $running; do wait "$process"; done

[ "$chosen" != "$sources" ] || rm -f "$out"/*.ptx
for source in $chosen; do rm -f "$out/$(basename "$source" .cu)".sm_*.ptx; done
cp "$temporary"/*.ptx "$out"
{
  echo "# What the CUDA kernels need"
  echo
  echo "Written by \`kernels/build.sh\` from what ptxas of CUDA $release says: registers of a thread / bytes of static shared"
  echo "memory of a block / bytes of a thread's stack / bytes that are spilled, where there are any. Other architectures than sm_75"
  echo "run the PTX of compute_80 where it differs."
  for source in $sources; do
    printf '\n## %s\n\n' "$source"
    case " $(echo $chosen) " in
      *" $source "*) table "$(basename "$source" .cu)" ;;
      *) section "$out" "$source" ;;
    esac
  done
} >"$temporary/RESOURCES.md"
mv "$temporary/RESOURCES.md" "$out"
digests "$out" >"$temporary/DIGESTS.txt"
mv "$temporary/DIGESTS.txt" "$out"

if [ -n "$check" ]; then
  diff -r -q "$out" "$here/generated"
fi
