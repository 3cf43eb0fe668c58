#include "tools/hybrid-run/Report.h"
#include "lib/Artifact/File.h"
#include "runtime/device/Memory.h"
#include "tools/hybrid-run/Roofline.h"
#include <algorithm>
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

static void printCounts(std::span<const hybrid_step> steps) {
  std::printf("%7s %12s %10s %10s %8s %9s %9s %7s %7s %6s %6s  %s\n", "calls", "warp instr.", "expected", "bytes",
              "moved/", "sectors/", "conflicts", "tensor", "threads", "regs", "shared", "step");
  std::printf("%7s %12s %10s %10s %8s %9s %9s %7s %7s %6s %6s\n", "", "", "MFLOP", "least KiB", "least", "request",
              "x shared", "share", "", "", "KiB");
  for (const hybrid_step &step : steps) {
    Efficiency e(step);
    std::printf("%7lu %12.0f %10.3f %10.1f %8.2f %9.2f %9.2f %7.2f %7u %6s %6.1f  %s/%s %s %s\n",
                (unsigned long)step.calls, counted(step, "warp instructions"), step.flops * 1e-6, step.bytes / 1024,
                e.movedOverLeast, e.sectorsPerRequest, e.wavefrontsPerRequest, e.tensorShare, step.threads,
                step.registers ? std::to_string(step.registers).c_str() : "-", step.shared_bytes / 1024.0, step.entry,
                step.variant, step.label, step.kernel);
  }
}

static nlohmann::ordered_json countsOf(const hybrid_step &step) {
  Efficiency e(step);
  nlohmann::ordered_json json = {{"moved_over_least", e.movedOverLeast},
                                 {"sectors_per_request", e.sectorsPerRequest},
                                 {"wavefronts_per_request", e.wavefrontsPerRequest},
                                 {"tensor_share", e.tensorShare}};
  for (size_t i = 0; i < step.count_size; ++i) {
    std::string name = step.counts[i].name;
    std::replace(name.begin(), name.end(), ' ', '_');
    json[name] = step.counts[i].value;
  }
  return json;
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
    for (const hybrid_step &step : session.profile()) {
      json["steps"].push_back({{"entry", step.entry},
                               {"variant", step.variant},
                               {"label", step.label},
                               {"kernel", step.kernel},
                               {"calls", step.calls},
                               {"seconds", step.seconds},
                               {"gflops", perSecond(step.flops, step.seconds)},
                               {"gbytes_per_second", perSecond(step.bytes, step.seconds)},
                               {"expected_flops", step.flops},
                               {"least_bytes", step.bytes}});
      if (step.threads)
        json["steps"].back().update({{"threads", step.threads}, {"shared_bytes", step.shared_bytes}});
      if (step.registers)
        json["steps"].back()["registers"] = step.registers;
      if (step.count_size)
        json["steps"].back()["counts"] = countsOf(step);
    }
  }
  std::printf("%s\n", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

void printReport(const Session &session, const Options &options, double startup) {
  hybrid_info info = session.info();
  if (!options.profileHtml.empty()) {
    std::string page = rooflinePage(concat(info.name, ", ", info.dtype, ", ", info.device), session.profile());
    writeFile(options.profileHtml, page.data(), page.size());
  }
  if (options.json)
    return printJson(session, options, info, startup);
  if (options.profile) {
    std::span<const hybrid_step> steps = session.profile();
    bool counts = std::any_of(steps.begin(), steps.end(), [](const hybrid_step &step) { return step.count_size > 0; });
    counts ? printCounts(steps) : printTable(steps);
  }
  std::printf("%s: %s, %s, %u threads; start-up %.2f s", info.name, info.dtype, info.code, info.threads, startup);
  if (session.prefill.tokens)
    std::printf("; prefill %ld tokens, %.1f tok/s", long(session.prefill.tokens), session.prefill.rate());
  if (session.decode.tokens)
    std::printf("; decode %ld tokens, %.1f tok/s", long(session.decode.tokens), session.decode.rate());
  std::printf("; memory %s\n", formatBytes(double(info.memory_bytes)).c_str());
}
