# Shared by the scripts beside it: they change to the repository's root, then source this.

say() { printf '\n== %s [%d s]\n' "$*" "$SECONDS"; }

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# build PRESET [TARGET...]: configures and builds; without targets, everything.
build() {
  local preset=$1
  shift
  say "Configuring ($preset)"
  cmake --preset "$preset"
  say "Building ($preset, $(nproc) jobs)"
  cmake --build --preset "$preset" ${1:+--target "$@"}
}
