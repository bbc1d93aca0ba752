#!/usr/bin/env bash
# The main job on a real directory tree: store it, list it, keep a snapshot, delete a part, copy the snapshot back out, also
# through a server, and compare it with the source, beside `cp -a` of the same tree.
#
#   tools/quickstart_demo.sh [--dir DIR] [--work DIR] [--keep]
#
#   --dir DIR    the tree to store; by default system files of this machine, some hundred MB of them
#   --work DIR   where the system and the copies go; by default a new directory in /var/tmp
#   --keep       leave them there
#
# Fails if any byte, mode, owner, time or link differs.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
export LC_ALL=C.UTF-8

usage() { sed -n '2,11s/^# \{0,1\}//p' "$0"; }
fail() { echo "quickstart: $*" >&2; exit 1; }
say() { printf '\n== %s\n' "$*"; }

tree="" work="" keep=false
while [[ $# -gt 0 ]]; do
  case $1 in
    --dir) tree=${2:?--dir needs a directory}; shift ;;
    --work) work=${2:?--work needs a directory}; shift ;;
    --keep) keep=true ;;
    -h|--help) usage; exit 0 ;;
    *) usage >&2; fail "no option '$1'" ;;
  esac
  shift
done

daos=${AEON_BIN:-$here/../build/release/bin}/daos
[[ -x $daos ]] || fail "$daos isn't there; run ./dev build release programs"
daos=$(readlink -f "$daos")
aeon=$(dirname "$daos")/aeon
for program in rsync find cp; do
  command -v "$program" >/dev/null || fail "$program is not installed; run ./dev deps"
done

if [[ -n $work ]]; then
  mkdir -p "$work"
  work=$(mktemp -d "$(readlink -f "$work")/aeon-quickstart-XXXXXX")
else
  work=$(mktemp -d "${TMPDIR:-/var/tmp}/aeon-quickstart-XXXXXX")
fi
cleanup() {
  "$aeon" down "$work/store" --force >/dev/null 2>&1 || true
  if $keep; then
    echo "Kept in $work."
  else
    rm -rf "$work"
  fi
}
trap cleanup EXIT

# --- the tree

size_mb() { du -sm --apparent-size "$1" 2>/dev/null | cut -f1; }

if [[ -n $tree ]]; then
  [[ -d $tree ]] || fail "$tree is not a directory"
  tree=$(readlink -f "$tree")
else
  # Copies of parts of /usr until there is enough: no single part of it has a fitting size on every machine.
  say "gathering a tree of system files"
  tree=$work/source
  mkdir "$tree"
  total=0
  for part in /usr/include /usr/share/perl /usr/share/doc /usr/lib/python3 /usr/share/zoneinfo /usr/lib/gcc \
      /usr/lib/x86_64-linux-gnu /usr/share/man /usr/bin /usr/share/locale; do
    [[ -d $part && ! -L $part ]] || continue
    size=$(size_mb "$part")
    (( total + size <= 600 )) || continue
    mkdir -p "$tree$(dirname "$part")"
    cp -a "$part" "$tree$part" 2>/dev/null || true  # Files that this user may not read aren't part of it.
    total=$((total + size))
    (( total < 350 )) || break
  done
  sync -f "$work"
fi

files=$(find "$tree" -type f | wc -l)
links=$(find "$tree" -type l | wc -l)
directories=$(find "$tree" -type d | wc -l)
bytes=$(find "$tree" -type f -printf '%s\n' | awk '{ sum += $1 } END { printf "%.0f", sum }')
megabytes=$((bytes / 1000000))
[[ $files -gt 0 ]] || fail "$tree holds no files"
free=$(df -Pm "$work" | awk 'NR == 2 { print $4 }')
needed=$((megabytes * 5 + 512))  # The system, two copies out, and two by cp.
(( free > needed )) || fail "$work has $free MB free and this needs about $needed; name another place with --work"
echo "$tree: $files files, $directories directories, $links symbolic links, $megabytes MB"

# --- measuring

elapsed() {  # elapsed VARIABLE COMMAND...: seconds it took
  local variable=$1 start=$EPOCHREALTIME; shift
  "$@"
  printf -v "$variable" '%s' "$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.3f", b - a }')"
}
rate() {  # rate SECONDS: files and MB a second
  awk -v s="$1" -v f="$files" -v b="$bytes" 'BEGIN { if (s < 0.001) s = 0.001; printf "%8.2f s %9.0f files/s %8.1f MB/s", s, f / s, b / s / 1e6 }'
}
cp_and_sync() { cp -a "$tree" "$1" && sync -f "$1"; }
# Read once, so that both copies find the source in memory.
find "$tree" -type f -exec cat {} + >/dev/null

# --- the job

export AEON_SYSTEM=local:$work/store
home=daos://default/home

say "storing it in a new system in $work/store"
echo "\$ daos container create default home --type POSIX"
"$daos" container create default home --type POSIX
echo "\$ daos filesystem copy $tree $home/tree"
elapsed copy_in "$daos" filesystem copy "$tree" "$home/tree"
elapsed cp_in cp_and_sync "$work/cp"

say "what is there"
# The first directory on the way down that holds more than one thing, and something in it to delete later.
inside=$home/tree
entries() {  # entries ADDRESS: types and names, those that a shell can take as they are
  "$daos" filesystem ls --json "$1" | python3 -c '
import json, sys
for entry in json.load(sys.stdin)["response"]["entries"]:
    if "name_hex" not in entry:
        print(entry["type"], entry["name"], sep="\t")'
}
while mapfile -t found < <(entries "$inside"); [[ ${#found[@]} -eq 1 && ${found[0]} == directory$'\t'* ]]; do
  inside+=/${found[0]#*$'\t'}
done
[[ ${#found[@]} -gt 0 ]] || fail "nothing in $tree has a plain name"
victim=${found[0]#*$'\t'}
for entry in "${found[@]}"; do
  if [[ $entry == directory$'\t'* ]]; then victim=${entry#*$'\t'}; break; fi
done
echo "\$ daos filesystem ls -l $inside"
"$daos" filesystem ls -l "$inside" >"$work/listing"
head -n 8 "$work/listing"
[[ $(wc -l <"$work/listing") -le 8 ]] || echo "... and $(($(wc -l <"$work/listing") - 8)) more"
"$daos" container query default home

say "a snapshot, then part of it deleted"
echo "\$ daos container create-snap default home --snap before"
"$daos" container create-snap default home --snap before
echo "\$ daos filesystem rm -r $inside/$victim"
"$daos" filesystem rm -r "$inside/$victim"
if "$daos" filesystem stat "$inside/$victim" >/dev/null 2>&1; then fail "$victim is still there"; fi
echo "now:         $("$daos" filesystem ls "$inside" | wc -l) entries, without $victim"
"$daos" filesystem stat --snap before "$inside/$victim" >/dev/null || fail "the snapshot has lost $victim"
echo "at snapshot: $("$daos" filesystem ls --snap before "$inside" | wc -l) entries, with $victim"

say "copying the snapshot back out"
echo "\$ daos filesystem copy --snap before $home/tree $work/back"
copy_out_and_sync() { "$daos" filesystem copy --snap before "$home/tree" "$work/back" && sync -f "$work/back"; }
elapsed copy_out copy_out_and_sync
elapsed cp_out cp_and_sync "$work/cp2"

say "comparing every byte, mode, owner, time and link with the source"
differences=$work/differences
# Checksums of all files, modes, owners, hard links; -i names each entry that differs.
rsync -aHAX --checksum --dry-run --delete --itemize-changes "$tree/" "$work/back/" >"$differences" 2>&1 || echo "rsync failed" >>"$differences"
# Once more by other means: bytes, and times to the nanosecond.
diff -r --no-dereference "$tree" "$work/back" >>"$differences" 2>&1 || true
describe() { (cd "$1" && find . -printf '%P\t%y\t%m\t%U:%G\t%n\t%l\t%T@\n' | awk -F'\t' -v OFS='\t' '$2 == "d" { $5 = "" } { print }' | sort); }
diff <(describe "$tree") <(describe "$work/back") >>"$differences" || true
if [[ -s $differences ]]; then
  head -n 20 "$differences" >&2
  fail "$(wc -l <"$differences") lines of differences, the first of them above"
fi
echo "$files files, $directories directories, $links symbolic links: all the same."
"$daos" container check default home

say "the same directory, served to other processes"
echo "\$ aeon up"
"$aeon" up
echo "\$ daos filesystem copy --snap before $home/tree $work/served"
copy_served_and_sync() { "$daos" filesystem copy --snap before "$home/tree" "$work/served" && sync -f "$work/served"; }
elapsed copy_served copy_served_and_sync
diff -r --no-dereference "$tree" "$work/served" >"$differences" 2>&1 || fail "what was served differs: $(head -n 1 "$differences")"
diff <(describe "$tree") <(describe "$work/served") >"$differences" || fail "what was served differs: $(head -n 1 "$differences")"
echo "$files files by way of the server: all the same."
"$aeon" status
echo "\$ aeon down"
"$aeon" down
"$daos" filesystem ls "$inside" >/dev/null || fail "the directory didn't come back"

say "how fast, beside cp -a of the same tree followed by sync"
printf 'into the container   %s\n' "$(rate "$copy_in")"
printf '  cp -a and sync     %s\n' "$(rate "$cp_in")"
printf 'out of the container %s\n' "$(rate "$copy_out")"
printf '  the same, served   %s\n' "$(rate "$copy_served")"
printf '  cp -a and sync     %s\n' "$(rate "$cp_out")"

say "what to type next"
cat <<END
export AEON_SYSTEM=local:\$HOME/store PATH=$(dirname "$daos"):\$PATH
daos filesystem copy ~/some/directory daos://default/mine
daos filesystem ls -l daos://default/mine
aeon up                            # and any number of processes may use it; 'aeon down' ends that
source <(daos completion bash)     # commands, options and names complete with TAB
daos --help
END
