#!/bin/sh
# Makes kernels.ptx of kernels.cu; needs nvcc. Comments with versions and dates are left out, so that it stays the same.
set -e
cd "$(dirname "$0")"
"${NVCC:-/usr/local/cuda/bin/nvcc}" -arch=sm_90a -std=c++17 -ptx kernels.cu -o - | sed '/^\/\/ /d; /^\/\/$/d' > kernels.ptx
