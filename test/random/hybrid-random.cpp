// Makes random models, and compares what the compiler and the runtime make of them with the evaluator.
//
//   hybrid-random --seeds 1..2000            on the CPU, in f32
//   hybrid-random --seeds 7 --without window the same program with one thing less
//   hybrid-random --seeds 7 --shrink         the smallest program that still fails
#include "Check.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
using namespace mlir;
using namespace mlir::hybrid::randomtest;
namespace cl = llvm::cl;

static cl::OptionCategory category("hybrid-random options");
static cl::opt<std::string> seeds("seeds", cl::Required, cl::value_desc("a or a..b"), cl::cat(category),
                                  cl::desc("Which programs"));
static cl::opt<std::string> device("device", cl::init("x86"), cl::cat(category), cl::desc("x86 or emulator"));
static cl::opt<std::string> dtype("dtype", cl::init("f32"), cl::cat(category), cl::desc("f32, bf16 or f16"));
static cl::list<std::string> without("without", cl::CommaSeparated, cl::cat(category),
                                     cl::desc("Features that the programs shall not have"));
static cl::list<int> blocks("blocks", cl::CommaSeparated, cl::cat(category),
                            cl::desc("Keep only these blocks, from 1"));
static cl::opt<int64_t> calls("calls", cl::cat(category), cl::desc("Calls to append, instead of what the seed says"));
static cl::opt<int64_t> longest("longest", cl::cat(category),
                                cl::desc("Most tokens of a sequence, instead of the seed's"));
static cl::opt<bool> shrink("shrink", cl::cat(category), cl::desc("Look for the smallest program that fails as well"));
static cl::opt<std::string> keep("keep", cl::value_desc("folder"), cl::cat(category),
                                 cl::desc("Leave IR, weights and artifact here"));
static cl::opt<bool> list("list", cl::cat(category), cl::desc("Say what the programs are, and run none"));
static cl::opt<bool> formOnly("form-only", cl::cat(category), cl::desc("Form kernels, but compile and run nothing"));
static cl::opt<bool> verbose("verbose", cl::cat(category), cl::desc("A line for every program"));
static cl::opt<std::string> json("json", cl::value_desc("file"), cl::cat(category), cl::desc("Counts as JSON"));
static cl::opt<unsigned> timeout("timeout", cl::init(300), cl::cat(category), cl::desc("Seconds for a program"));

/// What one flag or step of the reducer takes away.
struct Reduction {
  std::vector<std::string> without;
  std::vector<int> blocks;
  int64_t calls = 0, longest = 0;

  std::string flags() const {
    std::string text;
    if (!without.empty())
      text += " --without " + llvm::join(without, ",");
    if (!blocks.empty()) {
      SmallVector<std::string> numbers;
      for (int b : blocks)
        numbers.push_back(std::to_string(b));
      text += " --blocks " + llvm::join(numbers, ",");
    }
    if (calls)
      text += " --calls " + std::to_string(calls);
    if (longest)
      text += " --longest " + std::to_string(longest);
    return text;
  }
};

static Program programOf(uint64_t seed, const Reduction &reduction) {
  Program program = makeProgram(seed, {device, dtype});
  if (!reduction.blocks.empty()) {
    std::vector<BlockPlan> kept;
    for (int b : reduction.blocks)
      if (b >= 1 && b <= int(program.blocks.size()))
        kept.push_back(program.blocks[b - 1]);
    program.blocks = kept;
  }
  for (const std::string &name : reduction.without)
    for (const Feature &f : features())
      if (f.name == name)
        f.remove(program);
  if (reduction.calls)
    program.calls = reduction.calls;
  if (reduction.longest)
    program.longest = reduction.longest;
  settle(program);
  return program;
}

static std::string textOf(const Verdict &v) {
  llvm::json::Object object{{"kind", int(v.kind)}, {"message", llvm::json::fixUTF8(v.message)},
                            {"score", v.score},    {"append", v.append},
                            {"tokens", v.tokens},  {"kernels", v.kernels}};
  return llvm::formatv("{0}", llvm::json::Value(std::move(object))).str();
}

static bool parse(StringRef text, Verdict &v) {
  llvm::Expected<llvm::json::Value> value = llvm::json::parse(text);
  if (!value) {
    llvm::consumeError(value.takeError());
    return false;
  }
  const llvm::json::Object &object = *value->getAsObject();
  v.kind = Verdict::Kind(*object.getInteger("kind"));
  v.message = object.getString("message")->str();
  v.score = object.getNumber("score").value_or(0);
  v.append = object.getNumber("append").value_or(0);
  v.tokens = *object.getInteger("tokens");
  v.kernels = *object.getInteger("kernels");
  return true;
}

static double childSeconds() {
  rusage usage;
  getrusage(RUSAGE_CHILDREN, &usage);
  auto seconds = [](timeval t) { return double(t.tv_sec) + 1e-6 * double(t.tv_usec); };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Checks in a process of its own, whose death is a verdict too.
static Verdict checkApart(const Program &program) {
  llvm::SmallString<128> folder;
  if (keep.empty()) {
    if (llvm::sys::fs::createUniqueDirectory("hybrid-random", folder))
      llvm::report_fatal_error("cannot make a folder for temporary files");
  } else {
    folder = keep;
    (void)llvm::sys::fs::create_directories(folder);
  }
  int ends[2];
  if (pipe(ends))
    llvm::report_fatal_error("cannot make a pipe");
  double before = childSeconds();
  llvm::outs().flush();
  pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    alarm(timeout);
    std::string text = textOf(check(program, folder.str().str(), formOnly));
    for (size_t at = 0; at < text.size();) {
      ssize_t count = write(ends[1], text.data() + at, text.size() - at);
      if (count <= 0)
        break;
      at += size_t(count);
    }
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t count; (count = read(ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, size_t(count));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  Verdict verdict;
  if (!WIFEXITED(status) || !parse(text, verdict)) {
    verdict.kind = Verdict::Kind::crashed;
    verdict.message = WIFSIGNALED(status) ? std::string("signal ") + std::to_string(WTERMSIG(status)) + ", " +
                                                strsignal(WTERMSIG(status))
                                          : "no verdict";
  }
  verdict.seconds = childSeconds() - before;
  if (keep.empty())
    (void)llvm::sys::fs::remove_directories(folder);
  return verdict;
}

static bool isBad(const Verdict &v) { return v.kind == Verdict::Kind::failed || v.kind == Verdict::Kind::crashed; }

/// Takes away one thing at a time while the program still fails in the same way.
static Reduction reduce(uint64_t seed, Reduction reduction) {
  Verdict::Kind kind = checkApart(programOf(seed, reduction)).kind;
  auto stillFails = [&](const Reduction &candidate) {
    Program program = programOf(seed, candidate);
    if (program.blocks.empty() || checkApart(program).kind != kind)
      return false;
    llvm::outs() << "  still fails with" << candidate.flags() << "\n";
    return true;
  };
  bool changed = true;
  while (changed) {
    changed = false;
    auto attempt = [&](Reduction candidate) {
      if (!stillFails(candidate))
        return false;
      reduction = std::move(candidate);
      return changed = true;
    };
    Program now = programOf(seed, reduction);
    if (now.blocks.size() > 1)
      for (size_t drop = 0; drop < now.blocks.size(); ++drop) {
        Reduction candidate = reduction;
        if (candidate.blocks.empty())
          for (size_t i = 0; i < now.blocks.size(); ++i)
            candidate.blocks.push_back(int(i) + 1);
        candidate.blocks.erase(candidate.blocks.begin() + drop);
        if (attempt(candidate))
          break;
      }
    for (const Feature &f : features()) {
      if (!f.remove || !f.has(programOf(seed, reduction)) || llvm::is_contained(reduction.without, f.name))
        continue;
      Reduction candidate = reduction;
      candidate.without.push_back(f.name);
      attempt(candidate);
    }
    for (int64_t Reduction::*size : {&Reduction::calls, &Reduction::longest}) {
      Reduction candidate = reduction;
      int64_t value = size == &Reduction::calls ? now.calls : now.longest;
      candidate.*size = value / 2;
      if (value > 1)
        attempt(candidate);
    }
  }
  return reduction;
}

static std::string commandOf(uint64_t seed, const Reduction &reduction) {
  return "hybrid-random --seeds " + std::to_string(seed) + (device == "x86" ? "" : " --device " + device) +
         (dtype == "f32" ? "" : " --dtype " + dtype) + (formOnly ? " --form-only" : "") + reduction.flags();
}

namespace {
/// What a run adds up.
struct Totals {
  int64_t byKind[4] = {}, tokens = 0, kernels = 0;
  double seconds = 0, worstScore = 0, worstAppend = 0;
  uint64_t worstScoreSeed = 0, worstAppendSeed = 0;
  std::map<std::string, int64_t> withFeature;
  std::map<std::string, std::vector<uint64_t>> refusals;
  std::vector<std::string> bad;

  void add(const Program &program, const Verdict &v) {
    ++byKind[int(v.kind)];
    seconds += v.seconds;
    if (v.kind == Verdict::Kind::refused) {
      refusals[v.message].push_back(program.seed);
      return;
    }
    tokens += v.tokens;
    kernels += v.kernels;
    if (v.kind != Verdict::Kind::passed)
      return;
    for (const Feature &f : features())
      withFeature[f.name] += f.has(program);
    if (v.score > worstScore)
      worstScore = v.score, worstScoreSeed = program.seed;
    if (v.append > worstAppend)
      worstAppend = v.append, worstAppendSeed = program.seed;
  }

  llvm::json::Value toJson() const {
    llvm::json::Object counts, refused;
    for (const auto &[name, count] : withFeature)
      counts[name] = count;
    for (const auto &[message, list] : refusals)
      refused[message] = llvm::json::Array(list);
    return llvm::json::Object{{"seeds", seeds},
                              {"device", device},
                              {"dtype", dtype},
                              {"passed", byKind[0]},
                              {"refused", byKind[1]},
                              {"failed", byKind[2]},
                              {"crashed", byKind[3]},
                              {"tokens", tokens},
                              {"kernels", kernels},
                              {"cpu_seconds", seconds},
                              {"worst_score", llvm::json::Object{{"units", worstScore}, {"seed", worstScoreSeed}}},
                              {"worst_append", llvm::json::Object{{"units", worstAppend}, {"seed", worstAppendSeed}}},
                              {"passed_with", std::move(counts)},
                              {"refusals", std::move(refused)},
                              {"bad", llvm::json::Array(bad)}};
  }
};
} // namespace

static bool parseSeeds(uint64_t &first, uint64_t &last) {
  auto [a, b] = StringRef(seeds).split("..");
  return !a.getAsInteger(10, first) && (b.empty() ? (last = first, true) : !b.getAsInteger(10, last)) && first <= last;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv, "hybrid-random: random models against the evaluator\n");
  uint64_t first, last;
  auto usage = [](const llvm::Twine &message) {
    llvm::errs() << "hybrid-random: error: " << message << "\n";
    return 2;
  };
  if (!parseSeeds(first, last))
    return usage("--seeds: expected a number or a range such as 1..2000, got '" + seeds + "'");
  if (device != "x86" && device != "emulator")
    return usage("--device: expected x86 or emulator, got '" + device + "'");
  if (dtype != "f32" && dtype != "bf16" && dtype != "f16")
    return usage("--dtype: expected f32, bf16 or f16, got '" + dtype + "'");
  for (const std::string &name : without)
    if (llvm::none_of(features(), [&](const Feature &f) { return f.name == name && f.remove; }))
      return usage("--without: there is no feature '" + name + "' that can be taken away");

  Reduction asked{{without.begin(), without.end()}, {blocks.begin(), blocks.end()}, calls, longest};
  Totals totals;
  for (uint64_t seed = first; seed <= last; ++seed) {
    Program program = programOf(seed, asked);
    if (list) {
      llvm::outs() << seed << ": " << summary(program) << "\n";
      continue;
    }
    Verdict v = checkApart(program);
    totals.add(program, v);
    if (verbose || isBad(v))
      llvm::outs() << llvm::formatv("{0}: {1}, score {2:f2}, append {3:f2} units, {4} tokens, {5} kernels, {6:f2} s\n",
                                    seed, nameOf(v.kind), v.score, v.append, v.tokens, v.kernels, v.seconds);
    if (verbose && v.kind == Verdict::Kind::refused)
      llvm::outs() << "  " << v.message << "\n";
    if (!isBad(v))
      continue;
    llvm::outs() << "  " << summary(program) << "\n  " << v.message << "\n";
    Reduction smallest = asked;
    if (shrink) {
      smallest = reduce(seed, asked);
      llvm::outs() << "  smallest: " << summary(programOf(seed, smallest)) << "\n";
    }
    llvm::outs() << "  again: " << commandOf(seed, smallest) << (shrink ? "" : " [--shrink] [--keep FOLDER]") << "\n";
    totals.bad.push_back(commandOf(seed, smallest));
  }
  if (list)
    return 0;
  llvm::outs() << llvm::formatv("{0} programs: {1} passed, {2} refused, {3} failed, {4} crashed; {5:f1} CPU seconds\n",
                                last - first + 1, totals.byKind[0], totals.byKind[1], totals.byKind[2],
                                totals.byKind[3], totals.seconds)
               << llvm::formatv(
                      "worst errors of those that passed: score {0:f2} (seed {1}), append {2:f2} (seed {3})\n",
                      totals.worstScore, totals.worstScoreSeed, totals.worstAppend, totals.worstAppendSeed);
  for (const auto &[message, seedsOf] : totals.refusals)
    llvm::outs() << "refused " << seedsOf.size() << " times, first by seed " << seedsOf.front() << ": " << message
                 << "\n";
  if (!json.empty()) {
    std::error_code error;
    llvm::raw_fd_ostream os(json, error);
    if (error)
      return usage("cannot write " + json + ": " + error.message());
    os << llvm::formatv("{0:2}\n", totals.toJson());
  }
  return totals.bad.empty() ? 0 : 1;
}
