# The one LLVM pin: everything else reads it from here.
set(HYBRID_LLVM_MAJOR 22)
set(HYBRID_LLVM_VERSION 22.1)
