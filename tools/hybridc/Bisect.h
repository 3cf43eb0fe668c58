// --bisect: what the command line says about it, and the devices that only tools can run.
#ifndef HYBRIDC_BISECT_H
#define HYBRIDC_BISECT_H
#include "hybrid/Driver/Compile.h"

/// What --bisect runs on.
struct BisectFlags {
  std::string inputIds; // a file, or empty: tokens are drawn
  std::string weights;  // a folder or file, or empty: the model's own folder, or drawn
  uint64_t seed = 0;    // of what is drawn
  std::vector<std::string> devices;
};

/// Prints what was found. True if all forms agree.
llvm::Expected<bool> runBisect(mlir::MLIRContext &context, mlir::hybrid::CompileOptions options,
                               const BisectFlags &flags, bool json, llvm::raw_ostream &os);

#endif
