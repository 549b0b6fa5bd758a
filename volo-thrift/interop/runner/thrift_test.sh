# Apache's cross-language test: their programs against ours, each as a cell for every protocol and transport.

# thrift_test PEER SERVER CLIENT: SERVER and CLIENT are functions that become the peer's programs.
thrift_test() {
  local peer=$1 server=$2 client=$3 protocol transport
  if [ ! -e "$work/$peer/apache" ]; then
    step "code for Apache's test" thrift_test_generate "$peer"
  fi
  for protocol in binary compact multi multic; do
    for transport in buffered framed; do
      thrift_test_pair "$peer" "$protocol" "$transport" "" "$server" "$client"
    done
  done
  thrift_test_pair "$peer" compact framed "$work/thrift-test.sock" "$server" "$client"
}

thrift_test_generate() {
  mkdir -p "$work/$1/apache"
  thrift -nowarn --gen py -out "$work/$1/apache" "$work/apache/test/ThriftTest.thrift"
}

# Both directions over a port of the system's choice, or a Unix socket.
thrift_test_pair() {
  local peer=$1 protocol=$2 transport=$3 socket=$4 server=$5 client=$6
  local case="ThriftTest $protocol $transport${socket:+ over a Unix socket}" at
  at=$(thrift_test_address "$socket")
  local options=("--protocol=$protocol" "--transport=$transport" "$at")
  thrift_test_cell "$peer" "us->peer" "$case" "$server" our_test_client "${options[@]}"
  thrift_test_cell "$peer" "peer->us" "$case" our_test_server "$client" "${options[@]}"
}

our_test_server() {
  exec "$bin/thrift-test-server" "$@"
}

our_test_client() {
  exec timeout 60 "$bin/thrift-test-client" "$@"
}

thrift_test_address() {
  if [ -n "$1" ]; then
    echo "--domain-socket=$1"
  else
    python3 -c 'import socket; s = socket.create_server(("", 0)); print(f"--port={s.getsockname()[1]}")'
  fi
}

thrift_test_cell() {
  local peer=$1 direction=$2 case=$3 server=$4 client=$5 status=0
  shift 5
  rm -f "$work/thrift-test.sock"
  ("$server" "$@") >"$work/thrift-test-server.log" 2>&1 &
  local pid=$!
  pids+=("$pid")
  thrift_test_wait "${!#}"
  ("$client" "$@") >"$work/thrift-test-client.log" 2>&1 || status=$?
  kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true
  if [ "$status" -eq 0 ]; then
    cell "$peer" "$direction" "$case"
  else
    tail -n 30 "$work/thrift-test-client.log" >&2
    cell "$peer" "$direction" "$case" "exit code $status"
  fi
}

# Waits until something listens there.
thrift_test_wait() {
  for _ in $(seq 100); do
    case $1 in
      --port=*) (: <"/dev/tcp/127.0.0.1/${1#--port=}") 2>/dev/null && return ;;
      --domain-socket=*) [ ! -S "${1#--domain-socket=}" ] || return 0 ;;
    esac
    sleep 0.1
  done
  echo "nothing listens at $1" >&2
}
