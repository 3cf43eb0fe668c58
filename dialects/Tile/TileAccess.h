// What can be known, without running it, about the addresses of a kernel's loads and stores.
#ifndef HYBRID_DIALECTS_TILEACCESS_H
#define HYBRID_DIALECTS_TILEACCESS_H
#include "dialects/Tile/Tile.h"

namespace mlir::tile {

/// A power of two, at most 2^20, that divides a scalar.
int64_t knownDivisor(Value index);

/// A power of two, at most 16, that divides the byte address of the first element of every row of a tile at
/// `indices`. Buffers start at multiples of 16 bytes.
int64_t rowAlignment(MemRefType memory, ValueRange indices);

/// Whether rows of a tile can be copied to shared memory by 16-byte chunks, the last one perhaps partly.
bool copiesInChunks(MemRefType memory, ValueRange indices, RankedTensorType tile);

/// Whether the kernel never writes this memory.
bool isReadOnly(Value memory);

} // namespace mlir::tile
#endif
