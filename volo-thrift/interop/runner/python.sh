# Apache's Python library (from PyPI, code from Debian's compiler): server and client of the shared IDL, a client of the
# shop, and Apache's own test programs.

python_suite() {
  need thrift-compiler python3 python3-venv
  step "Python's side" python_build
  step "our shop ($profile)" cargo build --quiet --manifest-path "$root/Cargo.toml" --profile "$profile" -p examples --bin shop
  step "the volo command" volo_build
  local python=$work/python/venv/bin/python
  export PYTHONPATH="$work/python/generated:$here/python" PYTHONDONTWRITEBYTECODE=1

  start us 3 "$bin/interop-server"
  start python 4 "$python" "$here/python/server.py"
  start shop 2 "$bin/shop" serve --catalog 127.0.0.1:0 --ordering 127.0.0.1:0 --offerings 200
  # shellcheck disable=SC2046
  cells python "us->peer" "$bin/interop-client" python $(addresses python)
  volo_cells python "Binary framed" "$(address python binary-framed)" --framing framed
  volo_cells python "Compact buffered" "$(address python compact-buffered)" --framing buffered --protocol compact
  volo_bench_cell shop "the shop, by reflection" "$(address shop catalog)" listProductOffering -d '{"query":{"limit":2}}'
  cells python "peer->us" "$python" "$here/python/client.py" "$(address us plain)"
  cells python "peer->us" "$python" "$here/python/shop.py" "$(address shop catalog)" "$(address shop ordering)"

  apache_source
  thrift_test python python_test_server python_test_client
  thrift_test_tls python python_tls_server python_tls_client
}

python_build() {
  local venv=$work/python/venv generated=$work/python/generated
  [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/python/requirements.txt"
  rm -rf "$generated"
  mkdir -p "$generated"
  local idl
  for idl in "$here"/idl/{interop,evolved}.thrift "$root"/examples/idl/tmf62{0,2}.thrift; do
    thrift -nowarn -r --gen py -out "$generated" "$idl"
  done
}

python_test_server() {
  exec "$work/python/venv/bin/python" "$work/apache/test/py/TestServer.py" --genpydir="$work/python/apache" "$@" TThreadedServer
}

python_test_client() {
  exec timeout 60 "$work/python/venv/bin/python" "$work/apache/test/py/TestClient.py" --genpydir="$work/python/apache" "$@"
}

python_tls_server() {
  exec "$work/python/venv/bin/python" "$here/python/over_tls.py" "$work/apache/test/py/TestServer.py" \
    --genpydir="$work/python/apache" "$@" TThreadedServer
}

python_tls_client() {
  exec timeout 60 "$work/python/venv/bin/python" "$here/python/over_tls.py" "$work/apache/test/py/TestClient.py" \
    --genpydir="$work/python/apache" "$@"
}
