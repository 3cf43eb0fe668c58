// PTX text to instructions.
#ifndef HYBRID_RUNTIME_EMULATOR_PTX_PARSER_H
#define HYBRID_RUNTIME_EMULATOR_PTX_PARSER_H
#include "lib/Artifact/Result.h"
#include "runtime/emulator/ptx/Ast.h"
#include <memory>

namespace hybridrt::emulator {

/// Parses a module. An error reads "name:line:column: expected ..., got ...".
Result<std::unique_ptr<Ptx>> parsePtx(std::string_view text, const std::string &name);

} // namespace hybridrt::emulator
#endif
