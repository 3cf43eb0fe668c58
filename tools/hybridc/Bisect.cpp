// The runtime's side of --bisect: draws of initialisers, single kernels of the x86 code, whole calls on a device.
#include "Bisect.h"
#include "hybrid/Driver/Bisect.h"
#include "lib/Artifact/Result.h"
#include "runtime/include/hybrid_runtime.h"
#include "runtime/weights/Recipe.h"
#include "runtime/x86/NativeCode.h"
#include "tools/hybrid-run/Inputs.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include <random>
using namespace mlir;
using namespace mlir::hybrid;

namespace {
/// The bytes of a kernel's buffer, and back. A panel is packed as the runtime packs parameters.
class NativeBuffer {
public:
  NativeBuffer(MemRefType type, bool isPanel, const HostValue &value) : element(type.getElementType()) {
    int64_t columns = value.shape.size() == 2 ? value.dim(1) : 1;
    int64_t rows = columns ? int64_t(value.data.size()) / columns : 0;
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j)
        places.push_back(isPanel ? i / 16 * columns * 16 + j * 16 + i % 16 : i * columns + j);
    int64_t elements = isPanel ? (rows + 15) / 16 * 16 * columns : rows * columns;
    bytes.assign((elements * width() + 63) / 8, 0); // room to align to 64 bytes
    for (auto [place, x] : llvm::zip_equal(places, value.data))
      put(place, x);
  }
  void read(HostValue &value) {
    for (auto [place, x] : llvm::zip_equal(places, value.data))
      x = get(place);
  }
  char *data() { return reinterpret_cast<char *>((reinterpret_cast<uintptr_t>(bytes.data()) + 63) & ~uintptr_t(63)); }

private:
  int64_t width() const { return element.getIntOrFloatBitWidth() / 8; }
  void put(int64_t place, double x) {
    uint64_t bits;
    if (auto type = dyn_cast<FloatType>(element)) {
      llvm::APFloat number(x);
      bool lost;
      number.convert(type.getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven, &lost);
      bits = number.bitcastToAPInt().getZExtValue();
    } else {
      bits = uint64_t(int64_t(x));
    }
    memcpy(data() + place * width(), &bits, width());
  }
  double get(int64_t place) {
    uint64_t bits = 0;
    memcpy(&bits, data() + place * width(), width());
    if (auto type = dyn_cast<FloatType>(element))
      return llvm::APFloat(type.getFloatSemantics(), llvm::APInt(width() * 8, bits)).convertToDouble();
    return int32_t(bits);
  }
  Type element;
  std::vector<uint64_t> bytes;
  std::vector<int64_t> places;
};

/// The artifact's x86 code in this process.
class NativeKernels {
public:
  explicit NativeKernels(const hybridrt::artifact::ProgramT &program) : code(program, hybridrt::chooseCpuLevel("")) {
    for (auto [kernel, function] : llvm::zip_equal(program.kernels, code.kernels()))
      kernels[kernel->symbol] = {function, kernel->scratch_bytes};
  }
  const std::string &level() const { return code.level(); }

  LogicalResult run(tile::KernelOp kernel, const TileLaunch &launch, std::array<int64_t, 3> grid) const {
    auto it = kernels.find(kernel.getSymName().str());
    if (it == kernels.end())
      return kernel.emitError("the artifact has no code of that name");
    std::vector<NativeBuffer> buffers;
    SmallVector<unsigned> written;
    for (auto [i, type] : llvm::enumerate(kernel.getArgumentTypes()))
      if (auto memory = dyn_cast<MemRefType>(type)) {
        if (kernel.getArgAttr(i, tile::kWrittenAttr))
          written.push_back(buffers.size());
        buffers.emplace_back(memory, bool(kernel.getArgAttr(i, tile::kPanelAttr)), *launch.buffers[buffers.size()]);
      }
    std::vector<void *> pointers;
    for (NativeBuffer &buffer : buffers)
      pointers.push_back(buffer.data());
    // NaN, so that reading what was not written shows.
    std::vector<float> scratch(it->second.second / 4 + 32, std::numeric_limits<float>::quiet_NaN());
    void *aligned = reinterpret_cast<void *>((reinterpret_cast<uintptr_t>(scratch.data()) + 63) & ~uintptr_t(63));
    for (int64_t z = 0; z < grid[2]; ++z)
      for (int64_t y = 0; y < grid[1]; ++y)
        for (int64_t x = 0; x < grid[0]; ++x)
          it->second.first(pointers.data(), launch.scalars.data(), x, y, z, aligned);
    for (unsigned place : written)
      buffers[place].read(*launch.buffers[place]);
    return success();
  }

private:
  hybridrt::NativeCode code;
  std::map<std::string, std::pair<hybridrt::KernelFunction, uint64_t>> kernels;
};

/// A model in the runtime.
class LoadedModel {
public:
  explicit LoadedModel(const hybrid_options &options) { check(hybrid_model_load(&options, &model)); }
  ~LoadedModel() {
    for (hybrid_sequence *sequence : sequences)
      hybrid_sequence_free(sequence);
    hybrid_model_free(model);
  }
  LoadedModel(const LoadedModel &) = delete;

  std::vector<float> run(const BisectCall &call) {
    hybrid_info info;
    info.size = sizeof info;
    check(hybrid_model_info(model, &info));
    std::vector<int32_t> rows, offsets{0};
    for (size_t i = 0; i < call.ids.size(); ++i)
      rows.push_back(int32_t(i));
    std::vector<float> logits(rows.size() * info.vocab);
    while (sequences.size() + 1 < call.offsets.size()) {
      sequences.push_back(nullptr);
      check(hybrid_sequence_create(model, &sequences.back()));
    }
    std::vector<hybrid_sequence *> members; // those with tokens in this call
    for (size_t s = 0; s < sequences.size(); ++s)
      if (call.offsets[s + 1] > call.offsets[s]) {
        members.push_back(sequences[s]);
        offsets.push_back(call.offsets[s + 1]);
      }
    hybrid_tokens tokens{call.ids.data(), offsets.data(), members.size(), rows.data(), rows.size()};
    check(call.entry == "score" ? hybrid_score(model, &tokens, logits.data())
                                : hybrid_append(model, members.data(), &tokens, logits.data()));
    return logits;
  }

private:
  static void check(hybrid_status status) {
    if (status != HYBRID_OK)
      throw hybridrt::Error(hybrid_last_error());
  }
  hybrid_model *model = nullptr;
  std::vector<hybrid_sequence *> sequences;
};

/// A file that lasts as long as this object.
struct TemporaryFile {
  TemporaryFile() {
    if (std::error_code error = llvm::sys::fs::createTemporaryFile("hybridc-bisect", "hyb", path))
      hybridrt::fail("cannot make a temporary file for the artifact: ", error.message());
  }
  ~TemporaryFile() { llvm::sys::fs::remove(path); }
  TemporaryFile(const TemporaryFile &) = delete;
  llvm::SmallString<128> path;
};
} // namespace

static std::string targetOf(const std::string &device) {
  const char *target;
  if (hybrid_device_target(device.c_str(), &target) != HYBRID_OK)
    throw hybridrt::Error(hybrid_last_error());
  return target;
}

static std::vector<BisectDevice> makeDevices(hybridrt::artifact::ArtifactT &artifact, const BisectFlags &flags,
                                             const std::string &weights) {
  auto file = std::make_shared<TemporaryFile>();
  std::string path = file->path.str().str();
  hybridrt::writeArtifact(artifact, path).get();
  std::vector<BisectDevice> devices;
  for (const std::string &name : flags.devices) {
    BisectDevice &device = devices.emplace_back();
    device.target = targetOf(name);
    for (auto &program : artifact.programs)
      if (name == "x86" && program->target == device.target) {
        auto kernels = std::make_shared<NativeKernels>(*program);
        device.kernelsName = "code for " + kernels->level();
        device.runKernel = [kernels](tile::KernelOp kernel, const TileLaunch &launch, std::array<int64_t, 3> grid) {
          return kernels->run(kernel, launch, grid);
        };
      }
    device.callsName = "runtime on " + name;
    device.runCalls =
        [=, seed = flags.seed](ArrayRef<BisectCall> calls) -> llvm::Expected<std::vector<std::vector<float>>> {
      (void)file; // has to be there still
      hybrid_options o;
      hybrid_options_init(&o);
      o.artifact = path.c_str();
      o.weights = weights.empty() ? nullptr : weights.c_str();
      o.random_weights = weights.empty();
      o.seed = seed;
      o.device = name.c_str();
      o.no_cache = 1;
      try {
        LoadedModel model(o);
        std::vector<std::vector<float>> logits;
        for (const BisectCall &call : calls)
          logits.push_back(model.run(call));
        return logits;
      } catch (const hybridrt::Error &error) {
        return llvm::createStringError(error.what());
      }
    };
  }
  return devices;
}

/// Two sequences of unequal lengths: more than a chunk of the short variants in all, fewer than one in each.
static std::vector<std::vector<int32_t>> drawTokens(int64_t vocabulary, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::vector<int32_t>> sequences;
  for (int64_t length : {13, 6}) {
    std::vector<int32_t> &sequence = sequences.emplace_back();
    for (int64_t i = 0; i < length; ++i)
      sequence.push_back(int32_t(random() % uint64_t(vocabulary)));
  }
  return sequences;
}

llvm::Expected<bool> runBisect(MLIRContext &context, CompileOptions options, const BisectFlags &given, bool json,
                               llvm::raw_ostream &os) {
  try {
    BisectFlags flags = given;
    bool anyX86 = options.targets.empty() || llvm::is_contained(options.targets, "x86-64");
    if (flags.devices.empty() && anyX86)
      flags.devices.push_back("x86");
    for (const std::string &device : flags.devices)
      if (std::string target = targetOf(device); !llvm::is_contained(options.targets, target))
        options.targets.push_back(target);

    llvm::Expected<int64_t> vocabulary = vocabularyOf(context, options);
    if (!vocabulary)
      return vocabulary.takeError();
    BisectOptions bisectOptions;
    if (flags.inputIds.empty()) {
      bisectOptions.sequences = drawTokens(std::max<int64_t>(*vocabulary, 1), flags.seed);
    } else {
      Inputs inputs = readInputs(flags.inputIds, *vocabulary);
      for (size_t s = 0; s < inputs.count(); ++s)
        bisectOptions.sequences.emplace_back(inputs.ids.begin() + inputs.offsets[s],
                                             inputs.ids.begin() + inputs.offsets[s + 1]);
    }

    std::string path = flags.weights;
    if (path.empty() && llvm::sys::fs::is_directory(options.input))
      path = options.input;
    std::optional<hybridrt::Checkpoint> checkpoint;
    if (!path.empty())
      checkpoint.emplace(hybridrt::Checkpoint::open(path).get());
    BisectWeights weights;
    weights.checkpoint = checkpoint ? &*checkpoint : nullptr;
    weights.initialiser = [&](const std::string &text, const std::string &parameter) {
      return std::function<float(uint64_t)>(hybridrt::Initialiser(text, flags.seed, parameter));
    };
    bisectOptions.devices = [&](hybridrt::artifact::ArtifactT &artifact) -> llvm::Expected<std::vector<BisectDevice>> {
      return makeDevices(artifact, flags, path);
    };
    llvm::Expected<BisectReport> report = bisect(context, options, bisectOptions, weights);
    if (!report)
      return report.takeError();
    os << (json ? report->json() : report->text());
    return !report->firstDifference();
  } catch (const hybridrt::Error &error) {
    return llvm::createStringError(error.what());
  }
}
