#include "hybrid/Driver/Tool.h"
#include "lib/Artifact/File.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"
#include <csignal>
#include <unistd.h>

void mlir::hybrid::prepareTool(const char *name) {
  llvm::install_fatal_error_handler(
      [](void *name, const char *reason, bool) {
        llvm::errs() << static_cast<const char *>(name) << ": error: " << reason << "\n";
        llvm::sys::RunInterruptHandlers(); // which removes temporary files
        hybridrt::removeTemporaries();
        _exit(1);
      },
      const_cast<char *>(name));
  // LLVM has removed its own files by then, and reset the signals to what they do without it.
  llvm::sys::SetInterruptFunction([] {
    hybridrt::removeTemporaries();
    std::signal(SIGINT, SIG_DFL);
    std::raise(SIGINT);
  });
}

llvm::Error mlir::hybrid::writeOutput(llvm::StringRef path, llvm::StringRef text) {
  if (!path.empty() && path != "-") {
    hybridrt::Status status = hybridrt::capture([&] { hybridrt::writeFile(path.str(), text.data(), text.size()); });
    return status ? llvm::Error::success() : llvm::createStringError(status.error());
  }
  llvm::outs() << text;
  llvm::outs().flush();
  std::error_code error = llvm::outs().error();
  llvm::outs().clear_error();
  if (error)
    return llvm::createStringError("cannot write to standard output: " + error.message());
  return llvm::Error::success();
}
