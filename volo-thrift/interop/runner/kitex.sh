# Kitex: server and client in Go, from the shared IDL.

kitex_module=github.com/cloudwego/kitex

kitex_suite() {
  if ! command -v go >/dev/null; then
    skip "no Go"
    return
  fi
  step "Kitex's side" kitex_build
  step "the volo command" volo_build
  local server=$here/kitex/bin/server
  # Each of those that stop has a process: netpoll closes the descriptor of a listener twice.
  start us 3 "$bin/interop-server"
  start kitex 3 "$server" plain mux checked
  start kitex-stop 1 "$server" stop
  start kitex-stop-mux 1 "$server" stop-mux
  # shellcheck disable=SC2046
  cells kitex "us->peer" "$bin/interop-client" kitex "us=$(address us plain)" \
    $(addresses kitex) $(addresses kitex-stop) $(addresses kitex-stop-mux)
  volo_cells kitex TTHeader "$(address kitex plain)"
  volo_cells kitex framed "$(address kitex plain)" --framing framed
  volo_cells kitex buffered "$(address kitex plain)" --framing buffered
  volo_cells kitex mux "$(address kitex mux)" --mode mux

  local servers=("peer=$(address kitex plain)" "idl=$here/idl/generic.thrift")
  mapfile -t -O 2 servers < <(addresses us)
  cells kitex "peer->us" "$here/kitex/bin/client" calls "${servers[@]}"
  cells kitex "peer->us" "$here/kitex/bin/client" shutdown "${servers[@]}"
  cells kitex "peer->us" "$here/kitex/bin/client-fixed" mux-shutdown "${servers[@]}"
}

kitex_build() {
  (
    cd "$here/kitex"
    go build -o bin/kitex "$kitex_module/tool/cmd/kitex"
    local idl
    for idl in interop evolved; do
      bin/kitex -module interop "$here/idl/$idl.thrift"
    done
    go build -o bin/ ./server ./client
    kitex_build_fixed
  )
}

# Kitex 0.16.3 dereferences nil when a multiplexed client gets a control frame, Kitex's own servers' included; the
# connection is lost with all calls on it. The cell about a server that shuts down needs a client without that.
kitex_build_fixed() {
  local fixed=$work/kitex-fixed file=pkg/remote/trans/netpollmux/mux_conn.go
  if [ ! -e "$fixed/done" ]; then
    rm -rf "$fixed"
    cp -r "$(go list -m -f '{{.Dir}}' "$kitex_module")" "$fixed"
    chmod -R u+w "$fixed"
    sed -i 's/NewRPCInfo(nil, nil, iv, nil, nil)/NewRPCInfo(nil, nil, iv, rpcinfo.NewRPCConfig(), nil)/' "$fixed/$file"
    touch "$fixed/done"
  fi
  cp go.mod "$work/fixed.mod"
  cp go.sum "$work/fixed.sum"
  go mod edit -replace "$kitex_module=$fixed" "$work/fixed.mod"
  go build -modfile "$work/fixed.mod" -o bin/client-fixed ./client
}
