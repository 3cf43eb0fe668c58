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
#include "llvm/Support/Signals.h"

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
  explicit TemporaryFile(StringRef suffix) {
    error = fs::createTemporaryFile("hybrid", suffix, name);
    if (!error)
      llvm::sys::RemoveFileOnSignal(name);
  }
  ~TemporaryFile() {
    if (error)
      return;
    fs::remove(name);
    llvm::sys::DontRemoveFileOnSignal(name);
  }
  std::string read() const {
    auto buffer = llvm::MemoryBuffer::getFile(name, /*IsText=*/false, /*RequiresNullTerminator=*/false);
    return buffer ? (*buffer)->getBuffer().str() : std::string();
  }
  std::error_code write(StringRef text) const {
    std::error_code failed;
    llvm::raw_fd_ostream stream(name, failed);
    if (failed)
      return failed;
    stream << text;
    stream.close();
    failed = stream.error();
    stream.clear_error();
    return failed;
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
  auto numberOf = [](StringRef digits) {
    int number = 0;
    digits.getAsInteger(10, number);
    return number;
  };
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
      current->spillBytes = numberOf(match[1]) + numberOf(match[2]);
    } else if (current && used.match(line, &match)) {
      current->registers = numberOf(match[1]);
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
  std::error_code error = source.error ? source.error : target.error;
  if (!error)
    error = source.write(withoutLineTables(module.ptx));
  if (error)
    return emitError(loc) << "cannot write the temporary file '" << source.name << "': " << error.message();
  // Kernels are assembled side by side, and never linked: a linked kernel loses its register limits.
  std::string arch = "-arch=" + module.chip;
  int code =
      runTool({*ptxas, arch, "-O3", "-v", "-split-compile", "2", "-o", target.name, source.name}, module.ptxasLog);
  if (code != 0)
    return emitError(loc) << "expected ptxas to accept the PTX for " << module.chip << ", got exit status " << code
                          << ": " << StringRef(module.ptxasLog).rtrim();
  // Warnings that mean serialised matrix products or ignored register limits.
  llvm::Regex serialised("C75(04|07|08|10|11|12|13|14|15|16|17|18|19)");
  if (serialised.match(module.ptxasLog))
    return emitError(loc) << "expected no warning that code was serialised, got: "
                          << StringRef(module.ptxasLog).rtrim();
  readStatistics(module.ptxasLog, module);
  std::string cubin = target.read();
  module.cubin.assign(cubin.begin(), cubin.end());
  return success();
}

llvm::Expected<std::string> mlir::hybrid::disassemble(const NVPTXModule &module) {
  auto fail = [](const llvm::Twine &message) { return llvm::createStringError(message); };
  if (module.cubin.empty())
    return fail("expected a cubin to disassemble; none was made because ptxas was not found");
  TemporaryFile file("cubin");
  std::error_code error = file.error;
  if (!error)
    error = file.write(StringRef(module.cubin.data(), module.cubin.size()));
  if (error)
    return fail("cannot write the temporary file '" + file.name + "': " + error.message());
  std::string text;
  if (auto tool = findTool("nvdisasm")) {
    if (runTool({*tool, "-c", file.name}, text) == 0)
      return text;
    return fail("expected nvdisasm to accept the cubin, got: " + StringRef(text).rtrim());
  }
  if (auto tool = findTool("cuobjdump")) {
    if (runTool({*tool, "-sass", file.name}, text) == 0)
      return text;
    return fail("expected cuobjdump to accept the cubin, got: " + StringRef(text).rtrim());
  }
  return fail("expected nvdisasm or cuobjdump in PATH, CUDA_HOME, /usr/local/cuda or a .venv; install the "
              "CUDA toolkit or "
              "the Python package nvidia-cuda-nvdisasm");
}
