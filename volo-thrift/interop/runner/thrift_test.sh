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

# thrift_test_tls PEER SERVER CLIENT: the same over TLS, with keys in place of those that came with the suite.
thrift_test_tls() {
  local peer=$1 server=$2 client=$3
  export THRIFT_TEST_KEYS=$work/apache/test/keys
  [ -e "$THRIFT_TEST_KEYS/ours" ] || step "keys and certificates" thrift_test_keys
  thrift_test_pair "$peer" binary buffered tls "$server" "$client"
  thrift_test_pair "$peer" compact framed tls "$server" "$client"
}

thrift_test_keys() (
  cd "$THRIFT_TEST_KEYS"
  local new=(openssl req -x509 -newkey rsa:2048 -nodes -days 3650) names=subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1
  "${new[@]}" -keyout CA.key -out CA.pem -subj "/CN=interop" -addext keyUsage=critical,keyCertSign
  "${new[@]}" -keyout server.key -out server.crt -subj "/CN=localhost" -CA CA.pem -CAkey CA.key \
    -addext "$names" -addext basicConstraints=critical,CA:FALSE -addext extendedKeyUsage=serverAuth
  "${new[@]}" -keyout client.key -out client.crt -subj "/CN=client" -CA CA.pem -CAkey CA.key \
    -addext basicConstraints=critical,CA:FALSE -addext extendedKeyUsage=clientAuth
  cat server.key server.crt >server.pem
  touch ours
)

thrift_test_generate() {
  mkdir -p "$work/$1/apache"
  thrift -nowarn --gen py -out "$work/$1/apache" "$work/apache/test/ThriftTest.thrift"
}

# Both directions over a port of the system's choice, encrypted (tls) or not (an empty text), or a Unix socket.
thrift_test_pair() {
  local peer=$1 protocol=$2 transport=$3 socket=$4 server=$5 client=$6
  local case="ThriftTest $protocol $transport" at options=("--protocol=$protocol" "--transport=$transport")
  case $socket in
    "") ;;
    tls) case+=" over TLS" options+=(--ssl) socket="" ;;
    @*) case+=" over a Unix socket without a file" options+=(--abstract-namespace) socket=${socket#@} ;;
    *) case+=" over a Unix socket" ;;
  esac
  at=$(thrift_test_address "$socket")
  options+=("$at")
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
      --domain-socket=*) ! grep -q "${1#--domain-socket=}$" /proc/net/unix || return 0 ;;
    esac
    sleep 0.1
  done
  echo "nothing listens at $1" >&2
}
