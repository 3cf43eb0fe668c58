// Kernels with one synchronisation deleted, changed or moved: what a checker must not be silent about where numbers
// change.
#ifndef HYBRID_TEST_UNIT_PTXMUTANTS_H
#define HYBRID_TEST_UNIT_PTXMUTANTS_H
#include <string>
#include <vector>

namespace hybridrt::emulator {

struct Mutant {
  std::string text; ///< of the whole module
  std::string what; ///< such as "line 120: cp.async.wait_group 1; waits for one group less"
};

/// Each synchronisation of a kernel deleted; its groups, counts, parities, barriers and members changed; and moved over
/// the nearest access to memory before and behind it.
std::vector<Mutant> mutantsOf(const std::string &text, const std::string &kernel);

/// A kernel that is all of its mutants: its last parameter, a number, chooses one, and 0 none. Translating it takes as
/// long as translating a few of them.
struct MutantSet {
  std::string text;              ///< empty where a synchronisation cannot be switched off: it has a guard, or a result
  std::vector<std::string> what; ///< of number 1, 2 and so on
};
MutantSet mutantSetOf(const std::string &text, const std::string &kernel);

/// The module without its other kernels.
std::string onlyKernel(const std::string &text, const std::string &kernel);

} // namespace hybridrt::emulator
#endif
