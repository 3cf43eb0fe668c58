// What `hybrid-run --profile --json` measured, for the report to stand beside what the compiler expects.
#ifndef HYBRID_LIB_DRIVER_PROFILE_H
#define HYBRID_LIB_DRIVER_PROFILE_H
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"
#include <map>
#include <string>

namespace mlir::hybrid {

/// The steps of a profile, found by where they stand in a schedule.
class Profile {
public:
  static llvm::Expected<Profile> read(llvm::StringRef path);

  /// The step as hybrid-run wrote it; null if the run had none.
  const llvm::json::Object *find(llvm::StringRef entry, llvm::StringRef variant, llvm::StringRef label,
                                 llvm::StringRef kernel) const;
  /// "sm_90a", "x86-64-v3": the code that ran.
  llvm::StringRef code() const { return codeName; }

private:
  std::string codeName;
  std::map<std::string, llvm::json::Object> steps;
};

} // namespace mlir::hybrid
#endif
