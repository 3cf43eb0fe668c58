// Runs the entries of a program: picks the variant, plans its memory, brings the call's inputs to the device,
// and hands it the launches.
#ifndef HYBRID_RUNTIME_CORE_EXECUTOR_H
#define HYBRID_RUNTIME_CORE_EXECUTOR_H
#include "runtime/cache/CacheStore.h"
#include "runtime/core/Plan.h"
#include "runtime/device/Device.h"
#include "runtime/weights/PackedWeights.h"
#include <map>

namespace hybridrt {

/// What a call passes to kernels. Everything is checked by the caller.
struct Batch {
  std::vector<int32_t> ids, positions, offsets, rows, lengths, pageTable, readSlots, writeSlots;
  float *logits = nullptr;
  uint64_t logitsBytes = 0;
};

/// What the launches of one step have cost so far.
struct StepProfile {
  std::string entry, variant, label;
  const artifact::KernelT *code = nullptr;
  uint64_t calls = 0;
  double seconds = 0, flops = 0, bytes = 0;
  std::vector<Count> counts;
};

class Executor {
public:
  Executor(const artifact::ProgramT &program, Device &device, const PackedWeights &weights, const CacheStore &caches);

  /// Variants are chosen by name if `variant` is not empty; an Error if the call is beyond its limits.
  void run(const std::string &entry, const Batch &batch, const std::string &variant);
  bool hasEntry(const std::string &entry) const;

  void enableProfile() { profiling = true; }
  std::vector<StepProfile> profile() const;

private:
  const artifact::VariantT &choose(const artifact::EntryT &entry, const CallSizes &sizes,
                                   const std::string &forced) const;
  const Plan &planFor(const artifact::VariantT &variant, const CallSizes &sizes, std::span<const int64_t> tileCounts);
  /// Which sizes a variant's plan depends on.
  struct Usage {
    bool symbols[symbolCount] = {}, pages = false;
    explicit Usage(const artifact::VariantT &variant);
  };
  /// Where the call's lists of integers lie in `inputs`.
  struct InputPlaces {
    std::array<uint64_t, size_t(artifact::ArgKind::MAX) + 1> lists{};
    std::vector<uint64_t> tiles;
  };
  InputPlaces uploadInputs(const Batch &batch, std::span<const std::vector<int32_t>> tiles);
  void *argument(const artifact::ArgT &arg, const Plan &plan, const InputPlaces &places, std::byte *logitsAt) const;
  void addProfile(const artifact::VariantT &variant, std::span<const LaunchCost> costs, const CallSizes &sizes,
                  std::span<const int64_t> tileCounts);

  const artifact::ProgramT &program;
  Device &device;
  const PackedWeights &weights;
  const CacheStore &caches;
  Block arena, inputs, logits;
  std::vector<int32_t> inputImage;
  std::map<const artifact::VariantT *, Usage> usages;
  /// Plans by what they depend on; emptied when there are many.
  std::map<std::pair<const artifact::VariantT *, std::vector<int64_t>>, Plan> plans;
  bool profiling = false;
  std::map<const artifact::StepT *, StepProfile> profiles;
};

} // namespace hybridrt
#endif
