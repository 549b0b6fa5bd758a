# Apache's C++ library from Debian: server and client of the shared IDL, and Apache's own test programs.

cpp_suite() {
  need g++ make thrift-compiler libthrift-dev libboost-dev libboost-program-options-dev libboost-filesystem-dev \
    libboost-random-dev libevent-dev libssl-dev zlib1g-dev
  apache_source
  step "C++'s side" cpp_build
  start us 3 "$bin/interop-server"
  start cpp 4 "$work/cpp/server"
  # shellcheck disable=SC2046
  cells cpp "us->peer" "$bin/interop-client" cpp $(addresses cpp)
  local us
  us=$(address us plain)
  cells cpp "peer->us" "$work/cpp/client" "${us##*:}"

  thrift_test cpp cpp_test_server cpp_test_client
  thrift_test_pair cpp binary buffered @thrift-test cpp_test_server cpp_test_client
  thrift_test_tls cpp cpp_test_server cpp_test_client
}

cpp_build() {
  mkdir -p "$work"/cpp/{new,gen/evolved,gen-apache}
  cpp_generate gen no_skeleton "$here/idl/interop.thrift"
  cpp_generate gen/evolved no_skeleton "$here/idl/evolved.thrift"
  cpp_generate gen-apache no_skeleton,templates,cob_style "$work/apache/test/ThriftTest.thrift"
  make -C "$work/cpp" -j "$(nproc)" -f "$here/cpp/Makefile" APACHE="$work/apache" all apache
  mkdir -p "$work/apache/test/cpp/bin"
  ln -sf "$work"/cpp/Test{Server,Client} "$work/apache/test/cpp/bin/"
}

# cpp_generate DIRECTORY OPTIONS IDL: files that would stay the same are not touched, so make does nothing about them.
cpp_generate() {
  local new=$work/cpp/new file
  rm -rf "$new"
  mkdir "$new"
  thrift -nowarn --gen "cpp:$2" -out "$new" "$3"
  for file in "$new"/*; do
    cmp -s "$file" "$work/cpp/$1/$(basename "$file")" || cp "$file" "$work/cpp/$1/"
  done
}

# They look for keys beside the directory above their own.
cpp_test_server() {
  exec "$work/apache/test/cpp/bin/TestServer" --server-type=threaded "$@"
}

cpp_test_client() {
  exec timeout 60 "$work/apache/test/cpp/bin/TestClient" "$@"
}
