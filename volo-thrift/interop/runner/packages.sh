# What the peers need from Debian: packages, and the source of Apache's test programs.

# need PACKAGE...: installs those that are missing.
need() {
  local package missing=()
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q "install ok installed" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    echo "missing packages: ${missing[*]}" >&2
    exit 1
  fi
  step "apt-get update" apt-get update -qq
  step "apt-get install ${missing[*]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

# Puts the source of Debian's package into $work/apache; the system's list of sources stays as it is.
apache_source() {
  [ ! -e "$work/apache/test/ThriftTest.thrift" ] || return 0
  need dpkg-dev
  step "source package of thrift" fetch_source
}

fetch_source() {
  local fetch=$work/source
  rm -rf "$fetch" "$work/apache"
  mkdir -p "$fetch"/{parts,lists/partial,cache/archives/partial,package}
  local file
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
    grep -qi debian "$file" 2>/dev/null || continue
    case $file in
      *.sources) sed 's/^Types:.*/Types: deb-src/' "$file" >"$fetch/parts/$(basename "$file")" ;;
      *.list) sed -n 's/^deb /deb-src /p' "$file" >"$fetch/parts/$(basename "$file")" ;;
    esac
  done
  local options=(
    -o "Dir::Etc::SourceList=/dev/null" -o "Dir::Etc::SourceParts=$fetch/parts" -o "APT::Sandbox::User="
    -o "Dir::State::Lists=$fetch/lists" -o "Dir::Cache=$fetch/cache"
  )
  apt-get "${options[@]}" -qq update || true # a list without sources is no obstacle
  (
    cd "$fetch/package"
    apt-get "${options[@]}" -qq source --download-only thrift
    dpkg-source -x ./*.dsc tree
    mv tree "$work/apache"
  )
}
