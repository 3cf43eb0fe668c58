// Runs a compiled model: logits of given tokens, or a continuation of them.
#include "lib/Artifact/Safetensors.h"
#include "lib/Artifact/Streams.h"
#include "runtime/device/Memory.h"
#include "tools/hybrid-run/Generate.h"
#include "tools/hybrid-run/Report.h"
#include "tools/hybrid-run/TextFlags.h"
#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <csignal>
#include <unistd.h>

using namespace hybridrt;

static void declare(CLI::App &app, Options &options) {
  app.add_option("model", options.model, "Hugging Face folder, description (.yaml) or artifact (.hyb)")->required();
  app.add_option("--weights", options.weights, "Folder or safetensors file of an artifact's weights");
  app.add_option("--random-weights", options.randomWeights, "Draw the weights from the model's initialisers: seed");
  declareTextFlags(app, options);
  app.add_option("--input-ids", options.inputIds, "safetensors: input_ids [B, S], or [T] with offsets [B + 1]");
  app.add_option("--logits", options.logits, "Write f32 logits of all input tokens there");
  app.add_option("--chunks", options.chunks, "Append the input in chunks of these sizes, and one for the rest")
      ->delimiter(',');
  app.add_option("--max-new-tokens", options.newTokens, "Continue every sequence by at most so many tokens");
  app.add_option("--temperature", options.temperature, "0: the likeliest token");
  app.add_option("--seed", options.seed, "Of the drawn tokens");
  app.add_option("--output-ids", options.outputIds, "Write the continuation there, i64 [B, N]");
  app.add_option("--device", options.device, "x86, cuda[:N] or emulator");
  app.add_option("--dtype", options.dtype, "f32, bf16 or f16 (default: the checkpoint's)");
  app.add_option("--cpu", options.cpu, "x86-64-v1, x86-64-v3 or x86-64-v4 (default: the best)");
  app.add_option("--threads", options.threads, "Default: one per physical core");
  app.add_option("--variant", options.variant, "Use this variant of the entry: decode, short or bulk");
  app.add_flag("--no-cache", options.noCache,
               "Keep neither compiled models nor packed weights on disk (else at most $HYBRID_CACHE_GIB)");
  auto *profile = app.add_flag("--profile", options.profile, "Time every step; on the emulator, count what it does");
  app.add_option("--profile-html", options.profileHtml, "Write the profile there too, as a page with a roofline plot")
      ->needs(profile);
  app.add_flag("--json", options.json, "Timings and profile as JSON");
}

static void writeTensor(const std::string &path, const char *name, ElementType type, std::vector<int64_t> shape,
                        const void *data) {
  uint64_t size = sizeOf(type);
  for (int64_t dim : shape)
    size *= uint64_t(dim);
  SafetensorsWriter writer(path, {{name, type, std::move(shape)}});
  writer.append(data, size);
  writer.commit();
}

static void run(const Options &options) {
  auto start = std::chrono::steady_clock::now();
  if (options.newTokens < 0 || options.newTokens > INT32_MAX)
    fail("--max-new-tokens: expected 0 to ", INT32_MAX, ", got ", options.newTokens);
  if (!(options.temperature >= 0) || std::isinf(options.temperature))
    fail("--temperature: expected at least 0, got ", options.temperature);
  if (options.inputIds.empty() && !options.text.prompt && !options.text.interactive &&
      (!options.logits.empty() || options.newTokens > 0 || !options.chunks.empty()))
    fail("expected --input-ids: there are no tokens to begin with");
  if (!options.outputIds.empty() && options.newTokens == 0)
    fail("--output-ids: expected --max-new-tokens too");
  bool text = wantsText(options);
  Prepared prepared = prepare(options);
  Session session(options, prepared);
  double startup = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  hybrid_info info = session.info();
  std::fputs(info.notes, stderr);
  if (text)
    return generateText(session, options, startup);
  if (!options.inputIds.empty()) {
    Inputs inputs = readInputs(options.inputIds, info.vocab);
    std::vector<int64_t> chunks = completeChunks(options.chunks, inputs.longest());
    bool cached = !options.chunks.empty() || options.newTokens > 0;
    MemoryBudget budget;
    Block logits(budget, "holding the logits");
    budget.check(inputs.count() * uint64_t(options.newTokens) * 8, "holding the new tokens");
    if (cached)
      session.reserve(inputs, options.newTokens);
    if (!options.logits.empty())
      logits.reserve(inputs.ids.size() * uint64_t(info.vocab) * 4);
    auto *out = reinterpret_cast<float *>(logits.data());
    if (cached)
      session.append(inputs, chunks, out);
    else
      session.score(inputs, out);
    std::vector<int64_t> output;
    if (options.newTokens > 0)
      output = session.generate(options.newTokens, options.temperature, options.seed);
    if (!options.logits.empty()) {
      std::vector<int64_t> shape = inputs.shape;
      shape.push_back(info.vocab);
      writeTensor(options.logits, "logits", ElementType::f32, shape, out);
    }
    if (!options.outputIds.empty())
      writeTensor(options.outputIds, "output_ids", ElementType::i64, {int64_t(inputs.count()), options.newTokens},
                  output.data());
    else if (options.newTokens > 0 && !options.json)
      for (size_t i = 0; i < output.size(); ++i)
        std::printf("%ld%c", long(output[i]), (i + 1) % options.newTokens == 0 ? '\n' : ' ');
  }
  printReport(session, options, startup);
}

int main(int argc, char **argv) {
  openStandardStreams();
  // Nothing partial stays behind: outputs have their names only when they are complete.
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE})
    std::signal(signal, [](int signal) {
      removeTemporaries();
      _exit(128 + signal);
    });
  Options options;
  CLI::App app("hybrid-run: runs compiled hybrid language models");
  declare(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &e) {
    if (e.get_exit_code() == 0) // --help
      return app.exit(e);
    std::fprintf(stderr, "hybrid-run: error: %s; see --help\n", e.what());
    return 1;
  }
  if (app.count("--max-new-tokens"))
    options.text.newTokens = options.newTokens;
  if (Status status = capture([&] {
        run(options);
        finishOutput();
      });
      !status) {
    std::fprintf(stderr, "hybrid-run: error: %s\n", status.error().c_str());
    return 1;
  }
  return 0;
}
