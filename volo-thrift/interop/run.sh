#!/usr/bin/env bash
# Runs our programs against those of other Thrift libraries, in both directions:
#
#   run.sh [kitex|python|cpp]... [--json]
#
# All three without a name. Prints a line of JSON for each cell and a count (as JSON, too, with --json); fails if a cell
# fails. Builds everything first: our side with PROFILE (release, or dev), the others' in target/interop. As root it
# installs the Debian packages that are missing.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
work=$target/interop
profile=${PROFILE:-release}
case $profile in dev) bin=$target/debug ;; *) bin=$target/$profile ;; esac

for part in processes packages thrift_test volo kitex python cpp; do
  # shellcheck source=/dev/null
  source "$here/runner/$part.sh"
done

json=false
peers=()
for argument in "$@"; do
  case $argument in
    --json) json=true ;;
    kitex | python | cpp) peers+=("$argument") ;;
    *) echo "$argument is none of kitex, python, cpp and --json" >&2 && exit 2 ;;
  esac
done
[ ${#peers[@]} -gt 0 ] || peers=(kitex python cpp)

mkdir -p "$work"
: >"$work/cells.jsonl"
step "our side ($profile)" cargo build --quiet --manifest-path "$root/Cargo.toml" --profile "$profile" -p interop --bins

skipped=0
for peer in "${peers[@]}"; do
  "${peer}_suite"
done

cells=$(wc -l <"$work/cells.jsonl")
failed=$(grep -vc '"pass":true' "$work/cells.jsonl" || true)
if $json; then
  echo "{\"suite\":\"interop\",\"cells\":$cells,\"failed\":$failed,\"skipped\":$skipped}"
else
  echo "interop: $cells cells, $failed failed, $skipped skipped"
fi
[ "$failed" -eq 0 ] && [ $((cells + skipped)) -gt 0 ]
