// PTX to LLVM IR. A warp is one thread of execution: a register of N bits is a vector <32 x iN>, a predicate
// <32 x i1>, and a kernel the function
//
//   uint32_t kernel(Warp *warp, uint32_t block)
//
// which resumes at a block and returns the Stop that ended it. Lanes whose program counter is elsewhere are computed
// too and restored by the runtime when the block ends. Emit functions write one instruction each through this class.
#ifndef HYBRID_RUNTIME_EMULATOR_JIT_TRANSLATOR_H
#define HYBRID_RUNTIME_EMULATOR_JIT_TRANSLATOR_H
#include "runtime/emulator/jit/Code.h"
#include "runtime/emulator/jit/PtxType.h"
#include "runtime/emulator/vm/Addresses.h"
#include <llvm/IR/IRBuilder.h>
#include <map>
#include <set>

namespace hybridrt::emulator {

class Translator {
public:
  Translator(const Code &code, llvm::Module &module);
  /// Writes the function "kernel". Throws an Error for an instruction that is not supported or malformed.
  void run();

  llvm::IRBuilder<> builder;
  const Code &code;

  // Types and constants, all of 32 lanes unless they say scalar.
  llvm::Type *ints(unsigned bits) { return llvm::FixedVectorType::get(builder.getIntNTy(bits), 32); }
  llvm::Type *floats(PtxType type);
  llvm::Value *constant(unsigned bits, uint64_t value);
  llvm::Value *scalar(uint32_t value) { return builder.getInt32(value); }
  llvm::Value *splat(llvm::Value *value) { return builder.CreateVectorSplat(32, value); }

  // Operands.
  llvm::Value *read(const Operand &operand, unsigned bits);
  llvm::Value *readFloat(const Operand &operand, PtxType type);
  /// Lane 0's value, for operands that must be equal in all lanes; `uniform` collects whether they are.
  llvm::Value *readUniform(const Operand &operand, unsigned bits);
  /// Writes where the predicate holds. Narrower values are zero-extended, wider ones cut.
  void write(const Operand &operand, llvm::Value *value);
  /// A memory operand's address, 64 bits.
  llvm::Value *address(const Operand &operand);
  /// Its parts, of a vector; itself, of anything else.
  std::vector<Operand> elements(const Operand &operand);
  unsigned bitsOf(const Operand &operand);

  /// What the last instruction with .cc left, in the same block; it is not kept from block to block.
  llvm::Value *carry();
  void setCarry(llvm::Value *value);

  /// The predicate of the present instruction, or null.
  llvm::Value *predicate() const { return condition; }
  /// Lanes that execute the present instruction, as 32 bits.
  llvm::Value *lanes();
  llvm::Value *toMask(llvm::Value *predicates) { return builder.CreateBitCast(predicates, builder.getInt32Ty()); }
  llvm::Value *fromMask(llvm::Value *mask) { return builder.CreateBitCast(mask, ints(1)); }
  llvm::Value *line();
  /// The frame of the present instruction.
  const Frame &frame() const { return code.frame(current); }

  // Calls into the virtual machine. The warp is the first argument where `withWarp`.
  llvm::Value *call(const char *helper, llvm::Type *result, llvm::ArrayRef<llvm::Value *> arguments);
  llvm::Value *callWarp(const char *helper, llvm::Type *result, llvm::ArrayRef<llvm::Value *> arguments);
  llvm::Type *none() { return builder.getVoidTy(); }
  llvm::Type *word() { return builder.getInt32Ty(); }

  // Room through which vectors are passed to helpers.
  static constexpr unsigned scratchBytes = 8192;
  llvm::Value *scratch(unsigned offset);
  llvm::Value *toScratch(unsigned offset, llvm::Value *value);
  llvm::Value *fromScratch(unsigned offset, unsigned bits);
  /// A private constant array of words.
  llvm::Value *constantWords(llvm::ArrayRef<uint32_t> words);

  // Floating point. Half and bfloat16 are widened for arithmetic, as devices round once.
  llvm::Value *widen(llvm::Value *value);
  llvm::Value *narrow(llvm::Value *value, PtxType type);
  llvm::Value *intrinsic(llvm::Intrinsic::ID id, llvm::ArrayRef<llvm::Value *> operands);

  // Warp state.
  llvm::Value *field(size_t offset);
  llvm::Value *loadWord(size_t offset) { return builder.CreateLoad(word(), field(offset)); }
  llvm::Value *slotPointer(int reg);
  /// Makes memory hold the register, and forgets the value.
  void spill(int reg);

  // Ends of blocks.
  unsigned block() const { return currentBlock; }
  unsigned nextBlock() const { return currentBlock + 1; }
  int blockOf(int label) const { return code.blockAt[label]; }
  /// Stores what other blocks read; must precede the end of a block.
  void endBlock();
  void jump(unsigned block);
  /// `next` is a block or a Stop, decided by a helper.
  void dispatchTo(llvm::Value *next);
  /// Goes to `block` where `ready`, else stops with Stop::Spin to resume at `retry`.
  void jumpOrSpin(llvm::Value *ready, unsigned block, unsigned retry);
  /// Stops with Stop::Spin and resumes at `block`.
  void yieldTo(unsigned block);
  void branch(llvm::Value *takenMask, unsigned taken, unsigned other);
  llvm::BasicBlock *newBlock(const char *name);

  [[noreturn]] void unsupported(const std::string &why = "");
  [[noreturn]] void malformed(const std::string &expected);
  const Operand &operand(size_t index);

private:
  llvm::Value *load(int reg);
  llvm::Value *value(int reg);
  llvm::Value *symbol(const Operand &operand, unsigned bits);
  llvm::Value *specialRegister(std::string_view name);
  void translateBlock(unsigned index);
  /// Where a branch to a block goes: if it goes back, now and then to let others run, so that no loop runs for ever.
  llvm::BasicBlock *edgeTo(unsigned block);

  llvm::Module &module;
  llvm::Function *function = nullptr;
  llvm::Value *warp = nullptr, *registers = nullptr, *scratchBase = nullptr, *counts = nullptr;
  llvm::Value *passes = nullptr; ///< how often the warp has come through the block
  std::vector<llvm::BasicBlock *> entries;
  llvm::BasicBlock *dispatcher = nullptr;
  llvm::PHINode *dispatched = nullptr;

  std::map<int, llvm::Value *> values;
  std::set<int> dirty;
  llvm::Value *mask = nullptr, *condition = nullptr, *carried = nullptr;
  uint32_t current = 0;
  unsigned currentBlock = 0;
};

} // namespace hybridrt::emulator
#endif
