// What was fused, what was not and why, and what each launch costs.
#ifndef HYBRID_LIB_DRIVER_REPORT_H
#define HYBRID_LIB_DRIVER_REPORT_H
#include "mlir/IR/BuiltinOps.h"
#include <map>
#include <string>

namespace mlir::hybrid {

class Profile;

/// A table per entry and variant, or JSON. `notes` adds a remark per kernel (registers, scratch), by name; `profile`,
/// if any, what a run of this target's code measured.
std::string reportBlocks(ModuleOp model, ModuleOp blocks, llvm::StringRef target, bool json,
                         const std::map<std::string, std::string> &notes, const Profile *profile);

/// Which parts of each op are built, from the registered ops themselves.
std::string reportStatus(MLIRContext &context);

} // namespace mlir::hybrid
#endif
