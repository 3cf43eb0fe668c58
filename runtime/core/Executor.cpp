#include "runtime/core/Executor.h"
#include <algorithm>

using namespace hybridrt;
using namespace hybridrt::artifact;

Executor::Executor(const ProgramT &program, Device &device, const PackedWeights &weights, const CacheStore &caches)
    : program(program), device(device), weights(weights), caches(caches), arena(device.budget(), "running this call"),
      inputs(device.budget(), "the inputs of this call"), logits(device.budget(), "the logits of this call") {}

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

Executor::InputPlaces Executor::uploadInputs(const Batch &batch, std::span<const std::vector<int32_t>> tiles) {
  constexpr size_t line = 64 / sizeof(int32_t);
  InputPlaces places;
  inputImage.clear();
  auto add = [&](const std::vector<int32_t> &list) {
    uint64_t at = inputImage.size();
    inputImage.insert(inputImage.end(), list.begin(), list.end());
    inputImage.resize((inputImage.size() + line - 1) / line * line);
    return at * sizeof(int32_t);
  };
  auto place = [&](ArgKind kind, const std::vector<int32_t> &list) { places.lists[size_t(kind)] = add(list); };
  place(ArgKind::ids, batch.ids);
  place(ArgKind::positions, batch.positions);
  place(ArgKind::offsets, batch.offsets);
  place(ArgKind::rows, batch.rows);
  place(ArgKind::lengths, batch.lengths);
  place(ArgKind::read_slots, batch.readSlots);
  place(ArgKind::write_slots, batch.writeSlots);
  for (const std::vector<int32_t> &list : tiles)
    places.tiles.push_back(add(list));
  // Last, as it alone grows while a batch decodes: the others keep their addresses.
  place(ArgKind::page_table, batch.pageTable);
  inputs.replace(inputImage.size() * sizeof(int32_t) + 64);
  device.memory().write(inputs.data(), inputImage.data(), inputImage.size() * sizeof(int32_t));
  return places;
}

void *Executor::argument(const ArgT &arg, const Plan &plan, const InputPlaces &places, std::byte *logitsAt) const {
  switch (arg.kind) {
  case ArgKind::buffer:
    return arena.data() + plan.bufferOffsets[arg.index];
  case ArgKind::param:
    return const_cast<void *>(weights.param(arg.index));
  case ArgKind::cache:
    return caches.part(arg.index, arg.part);
  case ArgKind::logits:
    return logitsAt;
  case ArgKind::tile_list:
    return inputs.data() + places.tiles[arg.index];
  default:
    return inputs.data() + places.lists[size_t(arg.kind)];
  }
}

void Executor::addProfile(const VariantT &variant, std::span<const LaunchCost> costs, const CallSizes &sizes,
                          std::span<const int64_t> tileCounts) {
  int64_t mostTiles = tileCounts.empty() ? 0 : *std::max_element(tileCounts.begin(), tileCounts.end());
  for (size_t s = 0; s < costs.size(); ++s) {
    const StepT &step = *variant.steps[s];
    StepProfile &profile = profiles[&step];
    ++profile.calls;
    profile.seconds += costs[s].seconds;
    profile.flops += evaluate(step.flops.get(), sizes, mostTiles);
    profile.bytes += evaluate(step.bytes.get(), sizes, mostTiles);
    if (profile.counts.empty())
      profile.counts = costs[s].counts;
    else
      for (size_t i = 0; i < costs[s].counts.size(); ++i)
        profile.counts[i].value += costs[s].counts[i].value;
  }
}

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
  arena.replace(plan.arenaBytes + 64);
  InputPlaces places = uploadInputs(batch, tiles);
  // A device that shares the host's memory writes the caller's; 64 bytes give every pointer something to name.
  bool direct = device.memory().isHost();
  if (!direct)
    logits.replace(batch.logitsBytes + 64);
  std::byte *logitsAt = direct ? reinterpret_cast<std::byte *>(batch.logits) : logits.data();
  std::vector<void *> buffers;
  std::vector<LaunchView> views;
  for (auto &step : variant.steps) {
    for (auto &arg : step->args)
      buffers.push_back(argument(*arg, plan, places, logitsAt));
    for (auto &view : step->views)
      views.push_back({view.get(), argument(*view->arg, plan, places, logitsAt), plan.viewSizes[views.size()]});
  }
  std::vector<Launch> launches(variant.steps.size());
  for (size_t s = 0, at = 0; s < launches.size(); ++s) {
    const StepT &step = *variant.steps[s];
    const Plan::Launch &planned = plan.launches[s];
    launches[s] = {step.kernel,
                   planned.grid,
                   planned.blocks,
                   {buffers.data() + at, step.args.size()},
                   {plan.scalars.data() + planned.scalars, step.scalars.size()},
                   step.label.c_str(),
                   {views.data() + planned.views, step.views.size()}};
    at += step.args.size();
  }
  std::vector<LaunchCost> costs(profiling ? launches.size() : 0);
  device.run(&variant, launches, costs);
  if (!direct && batch.logitsBytes)
    device.memory().read(batch.logits, logits.data(), batch.logitsBytes);
  addProfile(variant, costs, sizes, tileCounts);
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
          result.back().code = program.kernels[step->kernel].get();
        }
  return result;
}
