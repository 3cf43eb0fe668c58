// NVIDIA's assembler and disassembler, run as programs.
#include "LineTables.h"
#include "hybrid/Target/NVPTX.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Regex.h"

using namespace mlir;
using namespace mlir::hybrid;
namespace fs = llvm::sys::fs;
namespace path = llvm::sys::path;

/// NVIDIA's Python packages keep programs in lib/python3.x/site-packages/nvidia/<package>/bin.
static std::optional<std::string> findInVenv(StringRef venv, StringRef program) {
  std::error_code error;
  llvm::SmallString<256> lib(venv);
  path::append(lib, "lib");
  for (fs::directory_iterator python(lib, error), end; !error && python != end; python.increment(error)) {
    llvm::SmallString<256> packages(python->path());
    path::append(packages, "site-packages", "nvidia");
    std::error_code inner;
    for (fs::directory_iterator package(packages, inner); !inner && package != end; package.increment(inner)) {
      llvm::SmallString<256> candidate(package->path());
      path::append(candidate, "bin", program);
      if (fs::can_execute(candidate))
        return candidate.str().str();
    }
  }
  return std::nullopt;
}

static std::optional<std::string> findTool(StringRef program) {
  if (auto found = llvm::sys::findProgramByName(program))
    return *found;
  for (StringRef variable : {"CUDA_HOME", "CUDA_PATH"})
    if (auto home = llvm::sys::Process::GetEnv(variable))
      if (auto found = llvm::sys::findProgramByName(program, {*home + "/bin"}))
        return *found;
  if (auto found = llvm::sys::findProgramByName(program, {"/usr/local/cuda/bin"}))
    return *found;
  if (auto venv = llvm::sys::Process::GetEnv("HYBRIDC_VENV"))
    if (auto found = findInVenv(*venv, program))
      return found;
  llvm::SmallString<256> current;
  std::string executable = fs::getMainExecutable(nullptr, nullptr);
  SmallVector<StringRef> starts = {path::parent_path(executable)};
  if (!fs::current_path(current))
    starts.push_back(current);
  for (StringRef folder : starts)
    for (; !folder.empty(); folder = path::parent_path(folder)) {
      llvm::SmallString<256> venv(folder);
      path::append(venv, ".venv");
      if (auto found = findInVenv(venv, program))
        return found;
      if (folder == path::parent_path(folder))
        break;
    }
  return std::nullopt;
}

std::optional<std::string> mlir::hybrid::findPtxas() {
  static const std::optional<std::string> found = findTool("ptxas");
  return found;
}

namespace {
/// A file that lasts as long as this object.
struct TemporaryFile {
  explicit TemporaryFile(StringRef suffix) { error = fs::createTemporaryFile("hybrid", suffix, name); }
  ~TemporaryFile() {
    if (!error)
      fs::remove(name);
  }
  std::string read() const {
    auto buffer = llvm::MemoryBuffer::getFile(name, /*IsText=*/false, /*RequiresNullTerminator=*/false);
    return buffer ? (*buffer)->getBuffer().str() : std::string();
  }
  LogicalResult write(StringRef text) const {
    std::error_code failed;
    llvm::raw_fd_ostream stream(name, failed);
    stream << text;
    stream.close();
    bool bad = failed || stream.has_error();
    stream.clear_error();
    return failure(bad);
  }
  llvm::SmallString<128> name;
  std::error_code error;
};
} // namespace

/// Runs a program with its output, both streams, in `log`.
static int runTool(ArrayRef<StringRef> arguments, std::string &log) {
  TemporaryFile output("log");
  if (output.error) {
    log = output.error.message();
    return -1;
  }
  std::optional<StringRef> redirects[] = {StringRef(), StringRef(output.name), StringRef(output.name)};
  std::string message;
  int code = llvm::sys::ExecuteAndWait(arguments[0], arguments, std::nullopt, redirects, 0, 0, &message);
  log = output.read() + message;
  return code;
}

/// Fills in registers and spills, kernel by kernel, from what `ptxas -v` prints.
static void readStatistics(StringRef log, NVPTXModule &module) {
  llvm::Regex name("Compiling entry function '([^']+)'"),
      spill("([0-9]+) bytes spill stores, ([0-9]+) bytes spill loads"), used("Used ([0-9]+) registers");
  NVPTXKernel *current = nullptr;
  SmallVector<StringRef> lines, match;
  log.split(lines, '\n');
  for (StringRef line : lines) {
    if (name.match(line, &match)) {
      current = nullptr;
      for (NVPTXKernel &kernel : module.kernels)
        if (kernel.name == match[1])
          current = &kernel;
    } else if (current && spill.match(line, &match)) {
      current->spillBytes = std::stoi(match[1].str()) + std::stoi(match[2].str());
    } else if (current && used.match(line, &match)) {
      current->registers = std::stoi(match[1].str());
    }
  }
}

LogicalResult mlir::hybrid::assemblePTX(NVPTXModule &module, Location loc) {
  std::optional<std::string> ptxas = findPtxas();
  if (!ptxas)
    return emitError(loc)
           << "expected ptxas in PATH, CUDA_HOME, /usr/local/cuda or a .venv; install the CUDA toolkit or "
              "the Python package nvidia-cuda-nvcc";
  TemporaryFile source("ptx"), target("cubin");
  if (source.error || target.error || failed(source.write(withoutLineTables(module.ptx))))
    return emitError(loc) << "expected to write temporary files beside " << source.name;
  // Kernels are assembled side by side, and never linked: a linked kernel loses its register limits.
  std::string arch = "-arch=" + module.chip;
  int code =
      runTool({*ptxas, arch, "-O3", "-v", "-split-compile", "2", "-o", target.name, source.name}, module.ptxasLog);
  if (code != 0)
    return emitError(loc) << "expected ptxas to accept the PTX for " << module.chip << ", got exit status " << code
                          << ": " << module.ptxasLog;
  // Warnings that mean serialised matrix products or ignored register limits.
  llvm::Regex serialised("C75(04|07|08|10|11|12|13|14|15|16|17|18|19)");
  if (serialised.match(module.ptxasLog))
    return emitError(loc) << "expected no warning that code was serialised, got: " << module.ptxasLog;
  readStatistics(module.ptxasLog, module);
  std::string cubin = target.read();
  module.cubin.assign(cubin.begin(), cubin.end());
  return success();
}

FailureOr<std::string> mlir::hybrid::disassemble(const NVPTXModule &module) {
  auto fail = [&](const llvm::Twine &message) {
    llvm::errs() << "error: " << message << "\n";
    return failure();
  };
  if (module.cubin.empty())
    return fail("expected a cubin to disassemble; none was made because ptxas was not found");
  TemporaryFile file("cubin");
  if (file.error || failed(file.write(StringRef(module.cubin.data(), module.cubin.size()))))
    return fail("expected to write a temporary file");
  std::string text;
  if (auto tool = findTool("nvdisasm")) {
    if (runTool({*tool, "-c", file.name}, text) == 0)
      return text;
    return fail("expected nvdisasm to accept the cubin, got: " + text);
  }
  if (auto tool = findTool("cuobjdump")) {
    if (runTool({*tool, "-sass", file.name}, text) == 0)
      return text;
    return fail("expected cuobjdump to accept the cubin, got: " + text);
  }
  return fail("expected nvdisasm or cuobjdump in PATH, CUDA_HOME, /usr/local/cuda or a .venv; install the "
              "CUDA toolkit or "
              "the Python package nvidia-cuda-nvdisasm");
}
