# The volo command against a server of the shared IDL: calls in JSON, and a short benchmark.

volo_build() {
  # As `cargo test` builds it: what is tested here is what it says, not how fast.
  cargo build --quiet --manifest-path "$root/Cargo.toml" -p volo-cli --bin volo
}

# Of every type something, as JSON. The server compares it with its own copy.
volo_everything='{"value":{"name":"everything","aBool":true,"anI8":8,"anI16":16,"anI32":32,"anI64":64,"aDouble":6.4,
"aString":"text","aBinary":"Ynl0ZXM=","paint":{"colour":"GREEN"},"aStruct":{"x":1,"y":2},"aUnion":{"radius":2.5},
"bools":[true,false],"i8s":[8],"i16s":[16],"i32s":[32],"i64s":["64"],"doubles":[6.4],"strings":["text"],
"binaries":["Ynl0ZXM="],"points":[{"x":1,"y":2}],"colours":["GREEN"],"stringSet":["a"],"i64Set":[64],"numbers":{"a":1},
"pointsById":{"1":{"x":1,"y":2}},"flags":{"1":true},"colourNames":{"RED":"red"},"series":{"8":[6.4]},
"nested":[{"a":[1]}],"cube":[[[1]]],"children":[{"name":"child"}],"aStamp":1,"farString":"far","farBool":true,
"plain":{"aBool":true,"anI64":64,"aString":"text","withDefault":42}}}'

# volo_cells PEER NAME ADDRESS [OPTION]...: how a server is called and measured that speaks what OPTION says.
volo_cells() {
  local peer=$1 name=$2 address=$3 idl=(--idl "$here/idl/interop.thrift")
  shift 3
  volo_cell "$peer" "volo call, every type, $name" 0 '"aUnion":{"radius":2.5}' \
    call "$address" Interop.echo -d "$volo_everything" --json "${idl[@]}" "$@"
  volo_cell "$peer" "volo call, an exception, $name" 1 '"name":"refused"' \
    call "$address" Interop.refuse -d '{"code":7}' --json "${idl[@]}" "$@"
  volo_cell "$peer" "volo call, a failing handler, $name" 1 '"status":"application_exception"' \
    call "$address" Interop.fail -d '{"text":"broken"}' --json "${idl[@]}" "$@"
  volo_bench_cell "$peer" "$name" "$address" Interop.reverse -d '{"value":"Ynl0ZXM="}' "${idl[@]}" "$@"
}

# volo_bench_cell PEER NAME ADDRESS METHOD [OPTION]...: a closed and an open loop; all calls succeed.
volo_bench_cell() {
  local peer=$1 name=$2 load
  shift 2
  for load in "--concurrency 4" "--rate 200"; do
    # shellcheck disable=SC2086
    volo_cell "$peer" "volo bench ${load%% *}, $name" 0 '"errors":{}' \
      bench "$@" $load --duration 300ms --warm-up 200ms --repeats 1 --json
  done
}

# volo_cell PEER CASE STATUS TEXT ARGUMENT...: one run of the command, which must end so and print this.
volo_cell() {
  local peer=$1 case=$2 wanted=$3 text=$4 status=0 log=$work/volo.log
  shift 4
  timeout 30 "$target/debug/volo" "$@" >"$log" 2>&1 || status=$?
  if [ "$status" -ne "$wanted" ]; then
    cat "$log" >&2
    cell "$peer" "us->peer" "$case" "exit code $status"
  elif ! grep -qF "$text" "$log"; then
    cat "$log" >&2
    cell "$peer" "us->peer" "$case" "unexpected output"
  else
    cell "$peer" "us->peer" "$case"
  fi
}
