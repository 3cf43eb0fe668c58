// Forming blocks: from the model form to kernels of the tile dialect and a schedule of their launches.
//
// One idea carries it. Some values of the model form are *stored*: they get a buffer, and one kernel computes them.
// All others are *virtual*: they exist only inside the kernels that want them. A kernel asks for tiles of its stored
// value; the request travels backwards through elementwise ops, slices, reshapes, norms and products until it meets
// stored values, which are loaded. What to store is the fusion decision, and the only one (`BlockPlan`); how a kernel
// walks its grid depends on the heaviest op among its virtual values.
#ifndef HYBRID_CONVERSION_BLOCKS_H
#define HYBRID_CONVERSION_BLOCKS_H
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <string>
#include <vector>

namespace mlir::hybrid {

/// The tiles of one variant of an entry, as a target's cost model chose them. Sizes are elements; rows are tokens.
struct BlockTiles {
  std::string variant;
  /// The variant serves calls within these limits; 0 is no limit.
  int64_t maxTokens = 0, maxSequences = 0, maxLongest = 0;
  /// A product's rows and columns per step, and its depth per step (0: the whole depth at once).
  int64_t productRows = 48, productColumns = 64, productDepth = 0;
  /// About how many blocks share a product's columns, each of which packs the left tile again; 0 or less: one per step
  /// of columns, which suits few rows.
  int64_t productBlocks = 4;
  /// Query rows of an attention block; 1 makes the rows the heads of one key head.
  int64_t queryRows = 48, keyRows = 64;
  /// Tokens of a scan's chunk, and rows of kernels without a product.
  int64_t scanChunk = 64, plainRows = 8, convRows = 32;
};

/// How a target wants its kernels.
struct BlockTarget {
  std::string name;
  std::vector<BlockTiles> variants;
  /// Weights are packed in panels of 16 rows.
  bool panels = true;
  /// Products compute in f32 whatever the storage (x86), or in the storage type (tensor cores).
  bool productsInF32 = true;
  /// A product may compute elementwise work on its left operand while packing it.
  bool fuseIntoProducts = true;
  /// Key sizes are padded to multiples of this in tiles.
  int64_t depthMultiple = 1;
  /// Most columns of a scan's state that one block holds; 0: all.
  int64_t scanColumns = 0;
  /// Most elements of a scan chunk's keys, tokens times key size; 0: as the variant says.
  int64_t scanKeyElements = 0;
  /// Elementwise operations that cost as much as a byte of memory traffic: more work than that is not repeated to
  /// save a buffer.
  double operationsPerByte = 3;
  /// Attention and scan of parallel branches share a launch where sequences are short.
  bool joinBranches = false;
  /// Most bytes of a product's left tile; rows per step shrink to stay below.
  int64_t leftTileBytes = 256 << 10;
};

/// Tiles that need no device to be asked: the x86 and the GPU defaults.
BlockTarget x86BlockTarget();
BlockTarget gpuBlockTarget(StringRef chip);

/// Tokens in a page of a paged key-value cache.
constexpr int64_t kPageTokens = 64;

/// Forms the kernels and variants of the entries named (all when empty) in a new module: the block form, which
/// hybrid-verify-block-form checks. The model form is unchanged. Fails, with an error at the op, where an op has no
/// kernel or its sizes have none, and where the module has no such entry.
FailureOr<OwningOpRef<ModuleOp>> formBlocks(ModuleOp model, const BlockTarget &target,
                                            ArrayRef<std::string> entries = {});

} // namespace mlir::hybrid
#endif
