#include "tools/hybrid-run/Report.h"
#include "runtime/device/Memory.h"
#include <cstdio>
#include <nlohmann/json.hpp>

using namespace hybridrt;

static double perSecond(double amount, double seconds) { return seconds > 0 ? amount / seconds * 1e-9 : 0; }

static void printTable(std::span<const hybrid_step> steps) {
  double total = 0;
  for (const hybrid_step &step : steps)
    total += step.seconds;
  std::printf("%10s %6s %7s %9s %8s  %s\n", "ms", "%", "calls", "GFLOP/s", "GB/s", "step");
  for (const hybrid_step &step : steps)
    std::printf("%10.3f %6.1f %7lu %9.1f %8.1f  %s/%s %s %s\n", step.seconds * 1e3, 100 * step.seconds / total,
                (unsigned long)step.calls, perSecond(step.flops, step.seconds), perSecond(step.bytes, step.seconds),
                step.entry, step.variant, step.label, step.kernel);
}

static void printJson(const Session &session, const Options &options, const hybrid_info &info, double startup) {
  auto timing = [](const Timing &t) {
    return nlohmann::ordered_json{{"tokens", t.tokens}, {"seconds", t.seconds}, {"tokens_per_second", t.rate()}};
  };
  nlohmann::ordered_json json = {{"model", info.name},
                                 {"dtype", info.dtype},
                                 {"device", info.device},
                                 {"code", info.code},
                                 {"threads", info.threads},
                                 {"startup_seconds", startup},
                                 {"prefill", timing(session.prefill)},
                                 {"decode", timing(session.decode)},
                                 {"memory_bytes", info.memory_bytes}};
  if (options.profile) {
    json["steps"] = nlohmann::ordered_json::array();
    for (const hybrid_step &step : session.profile())
      json["steps"].push_back({{"entry", step.entry},
                               {"variant", step.variant},
                               {"label", step.label},
                               {"kernel", step.kernel},
                               {"calls", step.calls},
                               {"seconds", step.seconds},
                               {"gflops", perSecond(step.flops, step.seconds)},
                               {"gbytes_per_second", perSecond(step.bytes, step.seconds)}});
  }
  std::printf("%s\n", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

void printReport(const Session &session, const Options &options, double startup) {
  hybrid_info info = session.info();
  if (options.json)
    return printJson(session, options, info, startup);
  if (options.profile)
    printTable(session.profile());
  std::printf("%s: %s, %s, %u threads; start-up %.2f s", info.name, info.dtype, info.code, info.threads, startup);
  if (session.prefill.tokens)
    std::printf("; prefill %ld tokens, %.1f tok/s", long(session.prefill.tokens), session.prefill.rate());
  if (session.decode.tokens)
    std::printf("; decode %ld tokens, %.1f tok/s", long(session.decode.tokens), session.decode.rate());
  std::printf("; memory %s\n", formatBytes(double(info.memory_bytes)).c_str());
}
