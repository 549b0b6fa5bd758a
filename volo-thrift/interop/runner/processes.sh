# Servers in the background, clients that report cells, and steps that say what they do when they fail.

pids=()

finish() {
  for pid in "${pids[@]}"; do
    kill -KILL "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true
  done
}
trap finish EXIT
trap 'exit 130' INT TERM

# step WHAT COMMAND...: runs it, quiet unless it fails.
step() {
  local what=$1 log=$work/step.log started=$SECONDS
  shift
  if ! "$@" >"$log" 2>&1; then
    echo "$what failed:" >&2
    cat "$log" >&2
    exit 1
  fi
  echo "$what: $((SECONDS - started)) s" >&2
}

# start NAME COUNT COMMAND...: starts a server, and waits until it listens at COUNT addresses.
start() {
  local log=$work/$1.log count=$2
  shift 2
  # Emptied here, not only by the redirection, which happens in the background.
  : >"$log"
  "$@" >"$log" 2>&1 &
  pids+=($!)
  for _ in $(seq 300); do
    [ "$(grep -c ' listens at ' "$log")" -lt "$count" ] || return 0
    sleep 0.1
  done
  echo "$* doesn't listen; its log says:" >&2
  cat "$log" >&2
  exit 1
}

# addresses NAME: what the server of this name says, as NAME=ADDRESS.
addresses() {
  sed -n 's/ listens at /=/p' "$work/$1.log"
}

# address SERVER NAME: one of them.
address() {
  sed -n "s/^$2 listens at //p" "$work/$1.log"
}

# cells PEER DIRECTION COMMAND...: runs a client; its output are cells. That it ends well is a cell, too.
cells() {
  local peer=$1 direction=$2 lines=$work/client.jsonl status=0
  shift 2
  timeout 240 "$@" >"$lines" 2>"$work/client.log" || status=$?
  tee -a "$work/cells.jsonl" <"$lines"
  # With 1 it says that a cell failed, which was counted.
  if [ "$status" -ne 0 ] && ! grep -q '"pass":false' "$lines"; then
    cat "$work/client.log" >&2
    cell "$peer" "$direction" "the client runs to its end" "exit code $status"
  fi
}

# cell PEER DIRECTION CASE [ERROR]: reports a cell.
cell() {
  local error=""
  [ -z "${4:-}" ] || error=",\"error\":\"$4\""
  echo "{\"suite\":\"interop\",\"peer\":\"$1\",\"direction\":\"$2\",\"case\":\"$3\",\"pass\":$([ -z "$error" ] && echo true || echo false)$error}" |
    tee -a "$work/cells.jsonl"
}

# skip WHY: a suite that can't run here; in CI, that is a failure.
skip() {
  echo "skipped: $1" >&2
  skipped=$((skipped + 1))
  [ "${CI:-}" != true ] || exit 1
}
