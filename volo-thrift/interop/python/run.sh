#!/bin/sh
# Runs the Python clients against our servers; see README.md.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
profile=${PROFILE:-dev}
work=$(mktemp -d)
pids=""

finish() {
    for pid in $pids; do
        kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

# Prints the address that the program with this log says it listens at under this name.
address_of() {
    for _ in $(seq 300); do
        address=$(sed -n "s/^$2 listens at //p" "$1")
        if [ -n "$address" ]; then
            echo "$address"
            return
        fi
        sleep 0.1
    done
    echo "nothing listens; the log says:" >&2
    cat "$1" >&2
    return 1
}

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
mkdir "$work/generated"
for idl in "$here/evolved.thrift" "$root/examples/idl/tmf620.thrift" "$root/examples/idl/tmf622.thrift"; do
    thrift -r --gen py -out "$work/generated" "$idl" >"$work/thrift.log" 2>&1 || { cat "$work/thrift.log" >&2; exit 1; }
done

cd "$root"
cargo build --quiet --profile "$profile" -p examples --bin shop --bin types_server
case $profile in dev) directory=debug ;; *) directory=$profile ;; esac
bin=${CARGO_TARGET_DIR:-$root/target}/$directory

"$bin/shop" serve --catalog 127.0.0.1:0 --ordering 127.0.0.1:0 --offerings 200 >"$work/shop.log" 2>&1 &
pids="$pids $!"
"$bin/types_server" 127.0.0.1:0 >"$work/types.log" 2>&1 &
pids="$pids $!"
catalog=$(address_of "$work/shop.log" catalog)
ordering=$(address_of "$work/shop.log" ordering)
types=$(address_of "$work/types.log" types)

export PYTHONPATH="$work/generated:$here" PYTHONDONTWRITEBYTECODE=1
status=0
"$work/venv/bin/python" "$here/shop.py" "$catalog" "$ordering" || status=1
"$work/venv/bin/python" "$here/evolution.py" "$types" || status=1
exit $status
