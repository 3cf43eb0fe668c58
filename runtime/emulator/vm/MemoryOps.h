// What translated code and the helpers agree on about memory accesses.
#ifndef HYBRID_RUNTIME_EMULATOR_VM_MEMORYOPS_H
#define HYBRID_RUNTIME_EMULATOR_VM_MEMORYOPS_H
#include <cstdint>

namespace hybridrt::emulator {

/// Strength of an access: plain accesses race, strong ones do not race with each other and may order others.
enum Strength : uint32_t { strong = 1, acquires = 2, releases = 4 };

enum class AtomicOp : uint32_t { Add, Exchange, CompareAndSwap, And, Or, Xor, Increment, Decrement, Minimum, Maximum };
enum class AtomicType : uint32_t { Unsigned, Signed, Float, Half, Bfloat };

/// Elements of matrices that tensor cores multiply.
enum class MatrixType : uint32_t { Half, Bfloat, Tf32, E4M3, E5M2, S8, U8, F64 };

} // namespace hybridrt::emulator
#endif
