// The CUDA driver, found when the program runs: nothing links to it, so that the runtime works on machines
// without a GPU and says what is missing when one is asked for.
#ifndef HYBRID_RUNTIME_CUDA_DRIVER_H
#define HYBRID_RUNTIME_CUDA_DRIVER_H
#include "lib/Artifact/Result.h"
#include "runtime/cuda/DriverApi.h"
#include "runtime/cuda/EmulatorApi.h"
#include <memory>
#include <string>
#include <vector>

namespace hybridrt::cuda {

/// The oldest driver that has all that the runtime calls, as cuDriverGetVersion counts.
constexpr int leastDriverVersion = 12000;
/// "12.4".
std::string versionText(int version);

/// A table of the driver's functions. Calls go through its members and `check`:
/// `driver.check(driver.cuInit(0), "starting the driver")`.
class Driver {
public:
  /// Loads the first of `libraries` that loads. An Error if none does, if it is older than leastDriverVersion, or if
  /// it lacks a function; `advice` ends the message of the first.
  explicit Driver(const std::vector<std::string> &libraries, const std::string &advice);
  ~Driver();
  Driver(const Driver &) = delete;
  Driver &operator=(const Driver &) = delete;

  /// The machine's driver: $HYBRID_CUDA_DRIVER, or libcuda.
  static std::shared_ptr<const Driver> ofMachine();
  /// The emulator that lies beside this library.
  static std::shared_ptr<const Driver> ofEmulator();

  /// Throws an Error that names `doing` and the driver's reason, unless the call succeeded.
  void check(CUresult result, const std::string &doing) const;
  /// "CUDA_ERROR_OUT_OF_MEMORY (out of memory)", and what the emulator has to say.
  std::string describe(CUresult result) const;

  int version() const { return versionNumber; }
  const std::string &path() const { return file; }
  bool isEmulator() const { return hybridEmulatorMessage != nullptr; }

#define HYBRID_DECLARE(name, parameters) CUresult(*name) parameters = nullptr;
  HYBRID_CUDA_FUNCTIONS(HYBRID_DECLARE)
#undef HYBRID_DECLARE
#define HYBRID_DECLARE(name, result, parameters) result(*name) parameters = nullptr;
  HYBRID_EMULATOR_FUNCTIONS(HYBRID_DECLARE)
#undef HYBRID_DECLARE

private:
  void open(const std::vector<std::string> &libraries, const std::string &advice);
  void resolve();
  std::string file;
  void *library = nullptr;
  int versionNumber = 0;
};

} // namespace hybridrt::cuda
#endif
