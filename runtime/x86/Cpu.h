// What this machine's CPU can run and how many of its cores are ours.
#ifndef HYBRID_RUNTIME_X86_CPU_H
#define HYBRID_RUNTIME_X86_CPU_H
#include <string>
#include <vector>

namespace hybridrt {

/// The levels that code is compiled for, lowest first; the numbers are those of the psABI.
enum class CpuLevel { v1 = 1, v3 = 3, v4 = 4 };
/// "x86-64-v3".
std::string nameOf(CpuLevel level);
/// Throws an Error that lists the levels.
CpuLevel parseCpuLevel(const std::string &name);

/// The highest level that CPU and operating system support.
CpuLevel supportedCpuLevel();
/// The level to use: `forced` if it is not empty, else the environment's HYBRID_CPU, else what is supported.
/// An Error if more is asked for than there is.
CpuLevel chooseCpuLevel(const std::string &forced);

/// One CPU of every physical core that this process may run on, at most as many as its cgroup's quota pays
/// for.
std::vector<int> availableCpus();

} // namespace hybridrt
#endif
