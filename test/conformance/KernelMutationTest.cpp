// A mutation test of the emulator's checks over the kernels that this compiler makes: no mutant that changes numbers
// may be silent.
//
// A model runs on the emulator, and each distinct kernel is kept with some of its launches and the memory that it was
// given. Then each synchronisation of the kernel is deleted, changed and moved in turn, and the launches are repeated.
// A selection of the mutants is tried; with HYBRID_ALL_MUTANTS=1 all of them, of all kernels, for all targets and
// types.
#include "lib/Artifact/Result.h"
#include "runtime/emulator/Engine.h"
#include "runtime/include/hybrid_runtime.h"
#include "test/unit/PtxMutants.h"
#include "gtest/gtest.h"
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>
#include <numeric>

using namespace hybridrt;
using namespace hybridrt::emulator;

namespace {

/// Memory that a kernel was given, and what becomes of it.
struct KeptMemory {
  Range range;
  std::vector<uint8_t> before, after;
  uint8_t *copy = nullptr; ///< where launches are repeated

  void restore() const { std::memcpy(copy, before.data(), before.size()); }
  bool isRight() const { return std::memcmp(copy, after.data(), after.size()) == 0; }
};

struct KeptLaunch {
  Launch launch;
  std::vector<uint8_t> parameters;
  std::vector<KeptMemory> memory; ///< what the parameters point to

  /// Gives the launch memory of `engine`, and points the parameters there.
  void moveTo(Engine &engine) {
    for (KeptMemory &kept : memory)
      kept.copy = reinterpret_cast<uint8_t *>(engine.allocate(kept.before.size()).get());
    for (size_t at = 0; at + 8 <= parameters.size(); at += 8) {
      uint64_t address = 0;
      std::memcpy(&address, &parameters[at], 8);
      auto holds = [&](const KeptMemory &kept) { return address >= kept.range.begin && address < kept.range.end; };
      auto found = std::find_if(memory.begin(), memory.end(), holds);
      if (found == memory.end())
        continue;
      address += reinterpret_cast<uint64_t>(found->copy) - found->range.begin;
      std::memcpy(&parameters[at], &address, 8);
    }
  }

  void leave(Engine &engine) {
    for (KeptMemory &kept : memory)
      (void)engine.release(reinterpret_cast<uint64_t>(kept.copy));
  }
};

struct KeptKernel {
  std::string name, text; ///< of a module with this kernel alone
  std::vector<KeptLaunch> launches;
};

/// Keeps kernels that differ by more than their name, and launches that differ by their shape.
class Recorder : public LaunchObserver {
public:
  Recorder() { observeLaunches(this); }
  ~Recorder() override { observeLaunches(nullptr); }

  void launching(const Engine &engine, const Module &module, std::string_view name, const Launch &launch) override {
    std::lock_guard lock(mutex);
    KeptKernel &kernel = kept(module, std::string(name));
    bool known = std::any_of(kernel.launches.begin(), kernel.launches.end(), [&](const KeptLaunch &kept) {
      return kept.launch.grid == launch.grid && kept.launch.dynamicShared == launch.dynamicShared;
    });
    if (known || kernel.launches.size() == mostLaunches)
      return;
    KeptLaunch &kept = kernel.launches.emplace_back();
    kept.launch = launch;
    auto *bytes = static_cast<const uint8_t *>(launch.parameters);
    kept.parameters.assign(bytes, bytes + launch.parameterBytes);
    std::map<uint64_t, Range> ranges;
    for (size_t at = 0; at + 8 <= kept.parameters.size(); at += 8) {
      uint64_t address = 0;
      std::memcpy(&address, &kept.parameters[at], 8);
      if (std::optional<Range> range = engine.rangeOf(address))
        ranges.emplace(range->begin, *range);
    }
    for (auto &[begin, range] : ranges) {
      auto *from = reinterpret_cast<const uint8_t *>(begin);
      kept.memory.push_back({range, {from, from + (range.end - range.begin)}, {}, nullptr});
    }
  }

  std::map<std::string, KeptKernel> kernels;

private:
  static constexpr size_t mostLaunches = 3;

  KeptKernel &kept(const Module &module, const std::string &name) {
    KeptKernel *&known = byName[{&module, name}];
    if (known)
      return *known;
    std::string text = onlyKernel(module.text(), name), body = text;
    for (size_t at = 0; (at = body.find(name, at)) != body.npos;)
      body.erase(at, name.size());
    KeptKernel &kernel = kernels[body.substr(body.find(".address_size"))];
    if (kernel.name.empty())
      kernel = {name, text, {}};
    known = &kernel;
    return kernel;
  }

  std::map<std::pair<const Module *, std::string>, KeptKernel *> byName;
  std::mutex mutex;
};

/// Whether every mutant is tried.
bool all() {
  const char *text = std::getenv("HYBRID_ALL_MUTANTS");
  return text && *text == '1';
}

struct Case {
  const char *target, *dtype;
};

struct Outcome {
  bool isWrong = false, isReported = false;
};

struct Tally {
  size_t mutants = 0, wrong = 0, reported = 0, equivalent = 0;

  void add(Outcome outcome) {
    ++mutants;
    wrong += outcome.isWrong;
    reported += outcome.isReported;
    equivalent += !outcome.isWrong && !outcome.isReported;
  }
  void add(const Tally &other) {
    mutants += other.mutants;
    wrong += other.wrong;
    reported += other.reported;
    equivalent += other.equivalent;
  }
  void print(const char *name) const {
    std::printf("%-40s %8zu %6zu %9zu %10zu\n", name, mutants, wrong, reported, equivalent);
    std::fflush(stdout);
  }
};

class KernelMutation : public testing::TestWithParam<Case> {
protected:
  static constexpr uint64_t seeds = 3;
  static constexpr size_t selection = 120; ///< mutants that are tried unless all are

  void SetUp() override {
    folder = testing::TempDir() + "mutants_" + GetParam().target + "_" + GetParam().dtype;
    std::filesystem::create_directories(folder);
  }

  void TearDown() override { std::filesystem::remove_all(folder); }

  /// Runs the model in all variants.
  void record(Recorder &recorder) {
    std::string artifact = folder + "/model.hyb";
    std::string command = std::string("\"" HYBRID_COMPILER "\" --targets=") + GetParam().target +
                          " --dtype=" + GetParam().dtype + (all() ? "" : " --entries=append") +
                          " " HYBRID_SOURCE_DIR "/test/conformance/Inputs/mixers.yaml -o " + artifact;
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
    setenv("XDG_CACHE_HOME", folder.c_str(), 1); // nobody needs translated mutants again
    hybrid_options options;
    hybrid_options_init(&options);
    options.artifact = artifact.c_str();
    options.random_weights = 1;
    options.seed = 1;
    options.device = "emulator";
    options.no_cache = 1;
    ASSERT_EQ(hybrid_model_load(&options, &model), HYBRID_OK) << hybrid_last_error();
    ASSERT_EQ(hybrid_sequence_create(model, &sequence), HYBRID_OK) << hybrid_last_error();
    if (all())
      run(false, 70);
    for (int count : {70, 1, 5, 1})
      run(true, count);
    hybrid_sequence_free(sequence);
    hybrid_model_free(model);
  }

  void run(bool append, int count) {
    std::vector<int32_t> ids, offsets{0, count};
    for (int i = 0; i < count; ++i)
      ids.push_back((i * 37 + 11) % 512);
    int32_t row = count - 1;
    hybrid_tokens tokens{ids.data(), offsets.data(), 1, &row, 1};
    std::vector<float> logits(512);
    ASSERT_EQ(append ? hybrid_append(model, &sequence, &tokens, logits.data())
                     : hybrid_score(model, &tokens, logits.data()),
              HYBRID_OK)
        << hybrid_last_error();
  }

  /// Repeats a launch, of mutant `number` where the kernel has the parameter. What it reports, or why it was refused.
  static std::string repeat(Engine &engine, const Module &module, const KeptLaunch &kept, uint64_t seed,
                            uint32_t number) {
    for (const KeptMemory &memory : kept.memory)
      memory.restore();
    const Kernel &kernel = module.kernels().front();
    std::vector<uint8_t> parameters = kept.parameters;
    if (kernel.parameterBytes > parameters.size()) {
      parameters.resize(kernel.parameterBytes);
      std::memcpy(&parameters[kernel.parameters.back().offset], &number, sizeof number);
    }
    Launch launch = kept.launch;
    launch.parameters = parameters.data();
    launch.parameterBytes = parameters.size();
    LaunchOptions options;
    options.seed = seed;
    options.threads = 1;
    options.maxTurns = 64;
    options.counts = false;
    auto report = engine.launch(module, kernel.name, launch, options);
    if (!report)
      return report.error();
    std::string text;
    for (const Diagnostic &diagnostic : report->diagnostics)
      text += diagnostic.text() + "\n";
    return text;
  }

  /// What the kernel makes of its launches, the same under each schedule.
  static void expect(Engine &engine, const Module &module, KeptKernel &kernel) {
    for (KeptLaunch &kept : kernel.launches)
      for (uint64_t seed = 0; seed < seeds; ++seed) {
        EXPECT_EQ(repeat(engine, module, kept, seed, 0), "") << kernel.name;
        for (KeptMemory &memory : kept.memory) {
          if (!seed)
            memory.after.assign(memory.copy, memory.copy + memory.before.size());
          EXPECT_TRUE(memory.isRight()) << kernel.name << " depends on the schedule";
        }
      }
  }

  static Outcome tryOut(Engine &engine, const Module &module, const KeptKernel &kernel, uint32_t number) {
    Outcome outcome;
    for (uint64_t seed = 0; seed < seeds; ++seed)
      for (const KeptLaunch &kept : kernel.launches) {
        outcome.isReported |= !repeat(engine, module, kept, seed, number).empty();
        for (const KeptMemory &memory : kept.memory)
          outcome.isWrong |= !memory.isRight();
        if (outcome.isReported)
          return outcome;
      }
    return outcome;
  }

  /// Tries the kernel's mutants, those of `step` apart.
  static Tally tryAll(KeptKernel &kernel, size_t &number, size_t step) {
    Tally tally;
    MutantSet set = mutantSetOf(kernel.text, kernel.name);
    std::vector<Mutant> mutants;
    if (set.text.empty())
      mutants = mutantsOf(kernel.text, kernel.name);
    Engine engine;
    for (KeptLaunch &kept : kernel.launches)
      kept.moveTo(engine);
    auto module = engine.load(set.text.empty() ? kernel.text : set.text);
    if (!module) {
      ADD_FAILURE() << kernel.name << ": " << module.error();
      return tally;
    }
    expect(engine, **module, kernel);
    for (size_t i = 0; i < std::max(mutants.size(), set.what.size()); ++i) {
      if (number++ % step)
        continue;
      auto mutant = mutants.empty() ? module : engine.load(mutants[i].text);
      const std::string &what = mutants.empty() ? set.what[i] : mutants[i].what;
      if (!mutant) {
        ADD_FAILURE() << kernel.name << ", " << what << ": " << mutant.error();
        continue;
      }
      Outcome outcome = tryOut(engine, **mutant, kernel, uint32_t(i + 1));
      EXPECT_FALSE(outcome.isWrong && !outcome.isReported) << kernel.name << ", " << what;
      tally.add(outcome);
    }
    return tally;
  }

  std::string folder;
  hybrid_model *model = nullptr;
  hybrid_sequence *sequence = nullptr;
};

TEST_P(KernelMutation, NoWrongMutantIsSilent) {
  Recorder recorder;
  record(recorder);
  if (HasFatalFailure())
    return;
  observeLaunches(nullptr);
  size_t total = 0, number = 0;
  for (auto &[body, kernel] : recorder.kernels)
    total += mutantsOf(kernel.text, kernel.name).size();
  size_t step = all() ? 1 : std::max<size_t>(1, total / selection);
  std::printf("%-40s %8s %6s %9s %10s\n", "kernel", "mutants", "wrong", "reported", "equivalent");
  Tally sum;
  for (auto &[body, kernel] : recorder.kernels) {
    Tally tally = tryAll(kernel, number, step);
    if (tally.mutants)
      tally.print(kernel.name.c_str());
    sum.add(tally);
  }
  sum.print("all");
  EXPECT_GE(sum.mutants, std::min(total, selection));
  EXPECT_GE(sum.reported, sum.mutants / 2);
}

std::vector<Case> cases() {
  if (all())
    return {{"sm_80", "f32"}, {"sm_80", "bf16"}, {"sm_90a", "f32"}, {"sm_90a", "bf16"}};
  return {{"sm_80", "bf16"}};
}

INSTANTIATE_TEST_SUITE_P(All, KernelMutation, testing::ValuesIn(cases()),
                         [](const auto &info) { return std::string(info.param.target) + "_" + info.param.dtype; });

} // namespace
