#!/bin/sh
# Makes kernels.ptx, the PTX in foreign/ and opcodes.txt, which also counts what the same sources become for sm_100a.
# Needs nvcc and ptxas of CUDA 13, clang 22, and Triton 3.9 in the Python that $TRITON_PYTHON names. Comments with
# versions and dates are left out, so that a file stays the same.
set -e
cd "$(dirname "$0")"
nvcc=${NVCC:-/usr/local/cuda/bin/nvcc}
export PTXAS="${PTXAS:-$(dirname "$nvcc")/ptxas}"
newer=$(mktemp -d)
trap 'rm -r "$newer"' EXIT

bare() { sed 's|[[:space:]]*//.*$||; /^[[:space:]]*$/d'; }
by_nvcc() { "$nvcc" -arch="$2" -std=c++17 -ptx "$1" -o - | bare; }
by_clang() {
  "${CLANG:-clang-22}" -x cuda --cuda-device-only -nocudainc -nocudalib --cuda-gpu-arch="$2" -O2 -Wno-unknown-cuda-version \
    -S "$1" -o - | bare
}

by_nvcc kernels.cu sm_90a > kernels.ptx
by_nvcc foreign/hopper.cu sm_90a > foreign/hopper.sm_90a.ptx
for chip in sm_80 sm_90a sm_100a; do
  folder=$([ $chip = sm_100a ] && echo "$newer" || echo foreign)
  by_nvcc foreign/cuda.cu $chip > "$folder/cuda.$chip.ptx"
  by_nvcc foreign/tensor.cu $chip > "$folder/tensor.$chip.ptx"
  by_clang foreign/clang.cu $chip > "$folder/clang.$chip.ptx"
done
"${TRITON_PYTHON:-python3}" foreign/triton_kernels.py foreign 80 90
"${TRITON_PYTHON:-python3}" foreign/triton_kernels.py "$newer" 100
python3 ../../../utils/ptx-opcodes.py collect kernels.ptx foreign/*.ptx "$newer"/*.ptx > opcodes.txt
