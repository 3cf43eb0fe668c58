// An MLIR context for one input after another. What a context has made unique it keeps, so it is replaced now and then;
// making one for every input would take longer than most inputs do.
#ifndef HYBRID_TEST_FUZZ_FRESHCONTEXT_H
#define HYBRID_TEST_FUZZ_FRESHCONTEXT_H
#include "hybrid/Register.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include <optional>

namespace hybridfuzz {

class FreshContext {
public:
  FreshContext() { mlir::hybrid::registerAllDialects(registry); }

  /// The context for the next input, whose diagnostics go nowhere.
  mlir::MLIRContext &next() {
    if (!context || ++inputs == inputsPerContext) {
      inputs = 0;
      context.emplace(registry, mlir::MLIRContext::Threading::DISABLED);
      context->getDiagEngine().registerHandler([](mlir::Diagnostic &) { return mlir::success(); });
    }
    return *context;
  }

private:
  static constexpr int inputsPerContext = 1000;
  mlir::DialectRegistry registry;
  std::optional<mlir::MLIRContext> context;
  int inputs = 0;
};

} // namespace hybridfuzz
#endif
