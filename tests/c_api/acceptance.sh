#!/usr/bin/env bash
# Installs the C libraries, compiles programs against what was installed, and runs them on a new system.
#   acceptance.sh BUILD_DIR SOURCE_DIR C_COMPILER [SANITIZERS]
set -euo pipefail
build=$1 source=$2 compiler=$3 sanitizers=${4:-}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/prefix" --component c_libraries >"$work/install.log" ||
  { cat "$work/install.log" >&2; exit 1; }
lib=$(dirname "$(find "$work/prefix" -name libdaos.so | head -n 1)")

# Only public names, and nothing of C++, may be seen from outside.
for name in $(nm -D --defined-only "$lib/libdaos.so" | awk '$2 ~ /[TWVBDRi]/ {print $3}' | sed 's/@.*//'); do
  case $name in
    daos_*|d_errstr|d_errdesc|d_rank_list_free|aeon_dfs_*) ;;
    *) echo "libdaos.so exports $name" >&2; exit 1 ;;
  esac
done
declared=$(grep -ohE '\bdfs_[a-z0-9_]+\(' "$work/prefix/include/daos_fs.h" | tr -d '(' | sort -u)
exported=$(nm -D --defined-only "$lib/libdfs.so" | awk '{print $3}' | sed 's/@.*//' | sort -u)
[[ $declared == "$exported" ]] ||
  { echo "daos_fs.h and libdfs.so differ:" >&2; diff <(echo "$declared") <(echo "$exported") >&2; exit 1; }

flags=()
[[ -z $sanitizers ]] || flags=(-fsanitize="$sanitizers")
for program in "$source/tests/c_api/acceptance.c" "$source/docs/examples/tour.c"; do
  name=$(basename "$program" .c)
  "$compiler" -Wall -Wextra -Werror "${flags[@]}" -I"$work/prefix/include" "$program" -L"$lib" -ldaos -ldfs -o "$work/$name"
  for run in first second; do  # The second finds what the first has stored.
    AEON_SYSTEM="local:$work/system_$name" LD_LIBRARY_PATH="$lib" "$work/$name" ||
      { echo "the $run run of $name failed" >&2; exit 1; }
  done
done
