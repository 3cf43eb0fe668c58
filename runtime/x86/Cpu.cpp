#include "runtime/x86/Cpu.h"
#include "lib/Artifact/Result.h"
#include <cpuid.h>
#include <cstdlib>
#include <fstream>
#include <sched.h>
#include <set>

using namespace hybridrt;

std::string hybridrt::nameOf(CpuLevel level) { return "x86-64-v" + std::to_string(int(level)); }

CpuLevel hybridrt::parseCpuLevel(const std::string &name) {
  for (CpuLevel level : {CpuLevel::v1, CpuLevel::v3, CpuLevel::v4})
    if (name == nameOf(level))
      return level;
  fail("unknown CPU level '", name, "', expected x86-64-v1, x86-64-v3 or x86-64-v4");
}

CpuLevel hybridrt::supportedCpuLevel() {
  __builtin_cpu_init();
  // The AVX names include the operating system's support; the rest of v3 has no name of its own everywhere.
  unsigned a, b, c = 0, d, extended = 0;
  __get_cpuid(1, &a, &b, &c, &d);
  __get_cpuid(0x80000001, &a, &b, &extended, &d);
  bool movbe = c & bit_MOVBE, f16c = c & bit_F16C, lzcnt = extended & bit_LZCNT;
  bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
            __builtin_cpu_supports("bmi2") && movbe && f16c && lzcnt;
  if (!v3)
    return CpuLevel::v1;
  bool v4 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
            __builtin_cpu_supports("avx512vl");
  return v4 ? CpuLevel::v4 : CpuLevel::v3;
}

CpuLevel hybridrt::chooseCpuLevel(const std::string &forced) {
  const char *environment = std::getenv("HYBRID_CPU");
  std::string name = !forced.empty() ? forced : environment ? environment : "";
  CpuLevel supported = supportedCpuLevel();
  if (name.empty())
    return supported;
  CpuLevel level = parseCpuLevel(name);
  if (level > supported)
    fail("asked for ", nameOf(level), ", but this CPU supports ", nameOf(supported), " at most");
  return level;
}

/// CPUs that the cgroup's quota pays for; 0 if it has none.
static int quotaCpus() {
  std::ifstream in("/sys/fs/cgroup/cpu.max");
  double quota, period;
  return in >> quota >> period && period > 0 ? std::max(1, int(quota / period + 0.999)) : 0;
}

std::vector<int> hybridrt::availableCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof set, &set) != 0)
    return {0};
  std::set<std::string> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &set))
      continue;
    // Hyperthreads of one core share this list; arithmetic-bound kernels gain nothing from the second.
    std::string siblings;
    std::ifstream("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list") >> siblings;
    if (siblings.empty() || cores.insert(siblings).second)
      cpus.push_back(cpu);
  }
  if (int quota = quotaCpus(); quota > 0 && size_t(quota) < cpus.size())
    cpus.resize(quota);
  return cpus;
}
