#!/bin/bash
# Installs what building and testing need and the machine lacks: Debian packages (scripts/packages.txt) and, where no
# CUDA toolkit is installed, NVIDIA's assembler in .venv. Without the assembler GPU code stays PTX.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

missing_packages() {
  local package
  while read -r package; do
    [[ $package == '' || $package == \#* ]] && continue
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
  done <scripts/packages.txt
}

as_root() {
  if [[ $EUID -eq 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "expected root or sudo to run '$*'; install the packages of scripts/packages.txt yourself, then run again"
  fi
}

# The archive that the machine's own sources name, so that the advice fits a mirror as well.
security_source() {
  local archive
  archive=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep '/debian/\?$') || archive=ARCHIVE/debian
  archive=${archive%%$'\n'*}
  echo "deb ${archive%/}-security bookworm-security main"
}

# apt knows a package by name long before it can install it, so ask for a version to install. (No `| grep -q`: it closes
# the pipe at the first match, and a writer that is not done by then fails, which pipefail takes for "not found".)
unavailable_packages() {
  local package policy
  for package in "$@"; do
    policy=$(apt-cache policy "$package")
    [[ $policy == *'Candidate: '[^\(]* ]] || echo "$package"
  done
}

install_packages() {
  command -v apt-get >/dev/null && command -v dpkg-query >/dev/null ||
    die "expected Debian 12 with apt-get; elsewhere install what scripts/packages.txt names, then use --no-setup"
  local missing unavailable
  mapfile -t missing < <(missing_packages)
  if [[ ${#missing[@]} -eq 0 ]]; then
    echo "All $(grep -vc -e '^#' -e '^$' scripts/packages.txt) Debian packages are installed."
    return
  fi
  echo "Installing ${missing[*]}"
  as_root apt-get -q -o DPkg::Lock::Timeout=300 update
  mapfile -t unavailable < <(unavailable_packages "${missing[@]}")
  if [[ ${#unavailable[@]} -ne 0 ]]; then
    [[ ${unavailable[*]} == *-22* ]] && cat >&2 <<END
LLVM 22 for Debian 12 comes with the security updates, which this machine's apt sources lack. Add them with

  echo '$(security_source)' > /etc/apt/sources.list.d/bookworm-security.list
END
    die "expected apt to offer ${unavailable[*]}, found no version to install"
  fi
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "${missing[@]}"
}

# find_cuda_program NAME: where hybridc looks for it too.
find_cuda_program() {
  command -v "$1" && return
  local found
  found=$(ls {"${CUDA_HOME:-}","${CUDA_PATH:-}",/usr/local/cuda}/bin/"$1" \
    .venv/lib/python3*/site-packages/nvidia/*/bin/"$1" 2>/dev/null | head -n 1) || true
  [[ -n $found ]] && echo "$found"
}

# install_cuda_program NAME WHEEL WHAT_IS_LOST
install_cuda_program() {
  local found
  if found=$(find_cuda_program "$1"); then
    echo "Found $found."
  elif { [[ -x .venv/bin/pip ]] || python3 -m venv .venv; } && .venv/bin/pip install --quiet "$2"; then
    echo "Installed $2."
  else
    echo "No $1 and pip cannot install $2: $3."
  fi
}

say "Setting up"
install_packages
# 13.0 is the release whose code was measured, and newer compilers make other code; any disassembler shows the same.
install_cuda_program ptxas nvidia-cuda-nvcc==13.0.88 "PTX only, no cubins"
install_cuda_program nvdisasm nvidia-cuda-nvdisasm==13.2.51 "no --emit=sass"
