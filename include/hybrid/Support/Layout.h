// Where the elements of a tile live on a GPU: in which warp, lane and register, or at which byte of shared
// memory.
#ifndef HYBRID_SUPPORT_LAYOUT_H
#define HYBRID_SUPPORT_LAYOUT_H
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/SmallVector.h"
#include <array>
#include <cstdint>
#include <optional>

namespace mlir::hybrid {

/// Row and column. A tile of rank 1 uses the first only.
using Coordinate = std::array<int64_t, 2>;

/// One digit of a register's, lane's or warp's number: it moves an element by `stride` along `axis`. A digit
/// of axis -1 moves nothing: all its values hold copies of the same elements.
struct Digit {
  int64_t extent;
  int axis;
  int64_t stride;
  bool operator==(const Digit &) const = default;
};

/// A distributed layout: a function from (warp, lane, register) to coordinates.
///
/// Each of the three numbers is written in a mixed radix, least significant digit first, and every digit adds
/// its value times its stride to one coordinate:
///
///     mma accumulator, 64 x 16, 4 warps down the rows
///     registers [2 along axis 1 by 1, 2 along axis 0 by 8, 2 along axis 1 by 8]
///     lanes     [4 along axis 1 by 2, 8 along axis 0 by 1]
///     warps     [4 along axis 0 by 16]
///     lane 5, register 3 of warp 2 holds row 2 * 16 + 1 * 1 + 1 * 8 = 41, column 1 * 2 + 1 = 3
///
/// Digits rather than matrices of bits, because tiles need not be powers of two: 80 columns are a register
/// digit of extent 5. Lanes and warps are powers of two. Along an axis the digits of all three numbers form a
/// chain (strides 1, e0, e0 e1, ...), so every coordinate below the axis' extent occurs, once but for copies.
/// The extent may exceed the tile's: elements beyond the tile are dead, whatever they hold.
class Layout {
public:
  static constexpr int64_t kLanes = 32;

  Layout() = default;
  /// Brings the digits to a normal form (no extents of 1, neighbours merged), so that equal functions that
  /// are built alike compare equal.
  Layout(unsigned rank, llvm::ArrayRef<Digit> registers, llvm::ArrayRef<Digit> lanes, llvm::ArrayRef<Digit> warps);

  /// Vectors of `vector` elements along the last axis, neighbouring lanes beside each other, warps down the
  /// rows.
  static Layout blocked(llvm::ArrayRef<int64_t> shape, int64_t vector, int64_t warps);
  /// The result of mma.sync m16n8 (PTX ISA, "Matrix Fragments") over `down` x `across` warps; others hold copies.
  static Layout accumulator(llvm::ArrayRef<int64_t> shape, int64_t down, int64_t across, int64_t warps);
  /// The left operand [M, K] of mma.sync m16n8k16 for an accumulator over `down` warps.
  static Layout operandA(llvm::ArrayRef<int64_t> shape, int64_t down, int64_t warps);
  /// The right operand [K, N] of mma.sync m16n8k16 for an accumulator over `down` x `across` warps.
  static Layout operandB(llvm::ArrayRef<int64_t> shape, int64_t down, int64_t across, int64_t warps);
  /// The accumulator of a product by plain multiply-adds: small squares per lane.
  static Layout multiplyAdd(llvm::ArrayRef<int64_t> shape, int64_t warps);

  unsigned getRank() const { return rank; }
  llvm::ArrayRef<Digit> getRegisters() const { return registers; }
  llvm::ArrayRef<Digit> getLanes() const { return lanes; }
  llvm::ArrayRef<Digit> getWarps() const { return warps; }
  int64_t numRegisters() const { return size(registers); }
  int64_t numWarps() const { return size(warps); }

  /// Where a number written in `digits` moves an element.
  static Coordinate offset(llvm::ArrayRef<Digit> digits, int64_t number);
  Coordinate at(int64_t warp, int64_t lane, int64_t reg) const;
  Coordinate atRegister(int64_t reg) const { return offset(registers, reg); }
  /// One more than the largest coordinate on an axis; at least the tile's dim.
  int64_t extent(int axis) const;
  /// The largest coordinate that lane and warp together add on an axis.
  int64_t threadMax(int axis) const;
  /// How many registers, from a multiple of that number on, are neighbours along an axis.
  int64_t contiguous(int axis) const;

  /// The layout of a vector that is one value per coordinate of the other axis.
  Layout slice(int axis) const;
  /// The register of `slice(axis)` that belongs to a register of this layout.
  int64_t sliceRegister(int axis, int64_t reg) const;
  Layout transposed() const;

  /// Whether 32 lanes cover `shape`, each coordinate once but for copies.
  bool covers(llvm::ArrayRef<int64_t> shape) const;
  /// For each register of `to`, the register of this layout that holds the same element in the same thread,
  /// if there is one and it is the same in all threads.
  std::optional<llvm::SmallVector<unsigned>> registerMap(const Layout &to) const;

  bool operator==(const Layout &) const = default;

private:
  static int64_t size(llvm::ArrayRef<Digit> digits);

  unsigned rank = 0;
  llvm::SmallVector<Digit, 4> registers, lanes, warps;
};

llvm::hash_code hash_value(const Layout &layout);

/// A tile in shared memory, rows of `pitch` bytes. The 16-byte chunks of a row are permuted by the row's
/// number, so that eight lanes that read one column of chunks (ldmatrix) meet eight different banks: chunk c
/// of row r lies at place c ^ ((r >> shift) & mask).
struct SharedLayout {
  int64_t pitch = 0;
  int64_t mask = 0, shift = 0;

  /// Whole swizzled lines of 128 bytes where rows allow it, else an odd number of chunks per row.
  static SharedLayout choose(llvm::ArrayRef<int64_t> shape, int64_t elementBytes);
  int64_t offset(Coordinate at, int64_t elementBytes) const;
  /// Bytes of a tile, rounded up so that the next tile is swizzled alike.
  int64_t bytes(llvm::ArrayRef<int64_t> shape) const;
  bool operator==(const SharedLayout &) const = default;
};

/// Which row each lane names to ldmatrix.x4, as coordinates in the stored tile relative to the 16 x 16 block;
/// lanes 0 to 7 name the rows of the first 8 x 8 matrix, and so on.
enum class MatrixOperand { A, B };
Layout matrixLanes(MatrixOperand operand, bool transposed);

} // namespace mlir::hybrid
#endif
