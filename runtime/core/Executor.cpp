#include "runtime/core/Executor.h"
#include <algorithm>
#include <chrono>

using namespace hybridrt;
using namespace hybridrt::artifact;

Executor::Executor(const ProgramT &program, const NativeCode &module, const PackedWeights &weights,
                   const CacheStore &caches, ThreadPool &pool, MemoryBudget &budget)
    : program(program), module(module), weights(weights), caches(caches), pool(pool),
      arena(budget, "running this call"), scratch(budget, "the kernels' scratch memory") {
  for (auto &kernel : program.kernels)
    scratchBytes = std::max<uint64_t>(scratchBytes, kernel->scratch_bytes);
  // A page apart, so that threads share no cache line and do not fight over the same sets.
  scratchBytes = (scratchBytes + 4095) / 4096 * 4096 + 64;
  scratch.reserve(scratchBytes * pool.size());
}

bool Executor::hasEntry(const std::string &name) const {
  return std::any_of(program.entries.begin(), program.entries.end(), [&](auto &entry) { return entry->name == name; });
}

/// Why the call is beyond the variant's limits; empty if it is not.
static std::string refusal(const VariantT &variant, const CallSizes &sizes) {
  const struct {
    const char *what;
    int64_t limit, value;
  } limits[] = {{"tokens", variant.max_tokens, sizes[Symbol::tokens]},
                {"sequences", variant.max_sequences, sizes[Symbol::sequences]},
                {"tokens in one sequence", variant.max_longest, sizes.longest}};
  for (auto &[what, limit, value] : limits)
    if (limit != 0 && value > limit)
      return concat("variant '", variant.name, "' takes at most ", limit, " ", what, ", the call has ", value);
  return "";
}

const VariantT &Executor::choose(const EntryT &entry, const CallSizes &sizes, const std::string &forced) const {
  std::string names;
  for (auto &variant : entry.variants) {
    names += (names.empty() ? "" : ", ") + variant->name;
    std::string reason = refusal(*variant, sizes);
    if (forced.empty() ? reason.empty() : variant->name == forced) {
      if (!reason.empty())
        fail(reason);
      return *variant;
    }
  }
  if (!forced.empty())
    fail("entry '", entry.name, "' has no variant '", forced, "', only ", names);
  fail("no variant of '", entry.name, "' takes a call of ", sizes[Symbol::tokens], " tokens in ",
       sizes[Symbol::sequences], " sequences; it has ", names);
}

Executor::Usage::Usage(const VariantT &variant) {
  for (auto &buffer : variant.buffers)
    if (buffer->elements)
      for (auto &term : buffer->elements->terms)
        for (size_t i = 0; i < term->exponents.size(); ++i)
          symbols[i] |= term->exponents[i] != 0;
  for (auto &step : variant.steps) {
    for (auto &extent : step->grid)
      if (!extent->constant)
        symbols[size_t(extent->symbol)] = true;
    for (auto &scalar : step->scalars) {
      if (scalar->kind == ScalarKind::symbol)
        symbols[size_t(scalar->symbol)] = true;
      pages |= scalar->kind == ScalarKind::pages_per_sequence;
    }
  }
}

const Plan &Executor::planFor(const VariantT &variant, const CallSizes &sizes, std::span<const int64_t> tileCounts) {
  // Cached tokens and pairs grow with every decoded token, but few plans depend on them.
  const Usage &usage = usages.try_emplace(&variant, variant).first->second;
  std::vector<int64_t> key(tileCounts.begin(), tileCounts.end());
  for (size_t i = 0; i < symbolCount; ++i)
    key.push_back(usage.symbols[i] ? sizes.symbols[i] : -1);
  key.push_back(usage.pages ? sizes.pagesPerSequence : -1);
  auto it = plans.find({&variant, key});
  if (it != plans.end())
    return it->second;
  constexpr size_t mostPlans = 256;
  if (plans.size() >= mostPlans)
    plans.clear();
  return plans.emplace(std::pair(&variant, std::move(key)), Plan(variant, sizes, tileCounts)).first->second;
}

void *Executor::argument(const ArgT &arg, const Plan &plan, const Batch &batch,
                         const std::vector<std::vector<int32_t>> &tiles) const {
  auto ints = [](const std::vector<int32_t> &list) { return const_cast<int32_t *>(list.data()); };
  switch (arg.kind) {
  case ArgKind::buffer:
    return arena.data() + plan.bufferOffsets[arg.index];
  case ArgKind::param:
    return const_cast<void *>(weights.param(arg.index));
  case ArgKind::cache:
    return caches.part(arg.index, arg.part);
  case ArgKind::ids:
    return ints(batch.ids);
  case ArgKind::positions:
    return ints(batch.positions);
  case ArgKind::offsets:
    return ints(batch.offsets);
  case ArgKind::rows:
    return ints(batch.rows);
  case ArgKind::logits:
    return batch.logits;
  case ArgKind::page_table:
    return ints(batch.pageTable);
  case ArgKind::lengths:
    return ints(batch.lengths);
  case ArgKind::read_slots:
    return ints(batch.readSlots);
  case ArgKind::write_slots:
    return ints(batch.writeSlots);
  case ArgKind::tile_list:
    return ints(tiles[arg.index]);
  }
  return nullptr;
}

namespace {
/// One launch, as the threads see it.
struct LaunchContext {
  KernelFunction function;
  void *const *buffers;
  const int64_t *scalars;
  int64_t x, y;
  std::byte *scratch;
  uint64_t scratchBytes;

  static void run(void *opaque, int64_t begin, int64_t end, unsigned thread) {
    auto &launch = *static_cast<LaunchContext *>(opaque);
    void *scratch = launch.scratch + thread * launch.scratchBytes;
    for (int64_t block = begin; block < end; ++block)
      launch.function(launch.buffers, launch.scalars, block % launch.x, block / launch.x % launch.y,
                      block / launch.x / launch.y, scratch);
  }
};

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }
} // namespace

void Executor::run(const std::string &name, const Batch &batch, const std::string &forced) {
  auto entry =
      std::find_if(program.entries.begin(), program.entries.end(), [&](auto &entry) { return entry->name == name; });
  if (entry == program.entries.end())
    fail("the artifact has no entry '", name, "'; compile it with --entries=", name);
  CallSizes sizes = sizesOf(batch.offsets, batch.lengths, int64_t(batch.rows.size()));
  const VariantT &variant = choose(**entry, sizes, forced);
  std::vector<std::vector<int32_t>> tiles;
  std::vector<int64_t> tileCounts;
  for (int64_t rows : variant.tile_lists) {
    tiles.push_back(tileList(batch.offsets, rows));
    tileCounts.push_back(int64_t(tiles.back().size() / 3));
  }
  const Plan &plan = planFor(variant, sizes, tileCounts);
  arena.reserve(plan.arenaBytes + 64);
  std::vector<void *> buffers;
  for (size_t s = 0; s < variant.steps.size(); ++s) {
    const StepT &step = *variant.steps[s];
    const Plan::Launch &launch = plan.launches[s];
    buffers.clear();
    for (auto &arg : step.args)
      buffers.push_back(argument(*arg, plan, batch, tiles));
    LaunchContext context{module.kernels()[step.kernel],
                          buffers.data(),
                          plan.scalars.data() + launch.scalars,
                          launch.grid[0],
                          launch.grid[1],
                          scratch.data(),
                          scratchBytes};
    double start = profiling ? now() : 0;
    pool.run(launch.blocks, LaunchContext::run, &context);
    if (!profiling)
      continue;
    StepProfile &profile = profiles[&step];
    profile.seconds += now() - start;
    ++profile.calls;
    int64_t mostTiles = tileCounts.empty() ? 0 : *std::max_element(tileCounts.begin(), tileCounts.end());
    profile.flops += evaluate(step.flops.get(), sizes, mostTiles);
    profile.bytes += evaluate(step.bytes.get(), sizes, mostTiles);
  }
}

std::vector<StepProfile> Executor::profile() const {
  std::vector<StepProfile> result;
  for (auto &entry : program.entries)
    for (auto &variant : entry->variants)
      for (auto &step : variant->steps)
        if (auto it = profiles.find(step.get()); it != profiles.end()) {
          result.push_back(it->second);
          result.back().entry = entry->name;
          result.back().variant = variant->name;
          result.back().label = step->label;
          result.back().kernel = program.kernels[step->kernel]->symbol;
        }
  return result;
}
