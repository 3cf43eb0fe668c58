// Decides how each tile of a kernel exists: computed where it is used, or held in scratch.
#ifndef HYBRID_TARGET_X86_KERNELPLAN_H
#define HYBRID_TARGET_X86_KERNELPLAN_H
#include "VectorBuilder.h"
#include "dialects/Tile/Tile.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::hybrid::x86 {

/// A tile as a matrix: rank 1 counts as one row.
struct TileShape {
  explicit TileShape(Type type);
  int64_t rows, columns;
  Type element;
  int64_t panels() const { return llvm::divideCeil(columns, kPanel); }
};

/// A tile in scratch, in f32 or i32, as panels of 16 columns: element (i, j) is number
/// (j / 16) * stride + i * 16 + j % 16 from the start. A vector is one row, so it is contiguous.
struct Buffer {
  int64_t rows, columns;
  int64_t stride;     // of panels, in elements
  int64_t offset = 0; // in scratch, in bytes
  int64_t bytes() const { return llvm::divideCeil(columns, kPanel) * stride * 4; }
  int start = 0, end = 0; // when it is alive, in numbers of ops
};

/// One step of a loop's yield: the value of argument `index` goes to the argument's buffer, or first to a
/// buffer of its own because an argument that is still wanted would be overwritten.
struct YieldStep {
  unsigned index;
  int temporary = -1;
};

class KernelPlan {
public:
  explicit KernelPlan(tile::KernelOp kernel);

  /// The buffer that holds a tile, or null for one that is computed where it is used.
  const Buffer *held(Value tile) const { return find(buffers, tile); }
  /// The buffer that holds its transpose, if some product wants that.
  const Buffer *transposed(Value tile) const { return find(transposes, tile); }
  const Buffer &buffer(int id) const { return storage[id]; }
  /// In what order a loop's tiles are yielded.
  ArrayRef<YieldStep> yieldSteps(scf::ForOp loop) const { return yields.find(loop)->second; }
  /// How many rows of a tile anyone reads, where fewer than all: an index that dominates the tile.
  Value liveRows(Value tile) const { return live.lookup(tile); }
  int64_t scratchBytes() const { return total; }

private:
  void number(Region &region);
  void decide(Region &region);
  bool mustHold(Value tile);
  bool worthHolding(Value tile);
  int64_t cost(Value tile);
  bool overwrittenBeforeRead(tile::LoadOp load);
  void planLoop(scf::ForOp loop);
  bool canComputeInPlace(scf::ForOp loop, unsigned index);
  void planLifetimes();
  void placeBuffers();
  void findLiveRows();
  Value demand(Value tile, llvm::SmallPtrSetImpl<Operation *> &visiting, bool &all);

  int newBuffer(Type type, bool transposed = false);
  /// The ops that read a tile's buffer, through tiles that are computed where they are used.
  void readers(Value tile, llvm::SetVector<Operation *> &into);
  /// The loop arguments that computing `tile` reads.
  void argumentsRead(Value tile, scf::ForOp loop, llvm::SmallDenseSet<unsigned> &into);
  const Buffer *find(const DenseMap<Value, int> &map, Value tile) const {
    auto it = map.find(tile);
    return it == map.end() ? nullptr : &storage[it->second];
  }
  int firstOf(Operation *op) { return spans[op].first; }
  int lastOf(Operation *op) { return spans[op].second; }

  tile::KernelOp kernel;
  int next = 0;
  DenseMap<Operation *, std::pair<int, int>> spans; // pre-order numbers of an op and of the last op in it
  SmallVector<Buffer> storage;
  DenseMap<Value, int> buffers, transposes;
  DenseMap<Operation *, SmallVector<YieldStep>> yields;
  DenseMap<Value, int64_t> costs;
  DenseMap<Value, Value> live;
  int demandSteps = 0;
  int64_t total = 0;
};

inline bool isTile(Value v) { return isa<RankedTensorType>(v.getType()); }
/// The panel parameter that `b` of a product is read from in place, or null.
tile::LoadOp panelOperand(tile::DotOp dot);
/// How many rows the panels of a memory have; 0 for plain memory.
int64_t panelRows(Value memory);

} // namespace mlir::hybrid::x86
#endif
