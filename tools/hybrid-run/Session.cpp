#include "tools/hybrid-run/Session.h"
#include "lib/Artifact/Result.h"
#include <algorithm>
#include <chrono>
#include <cstring>
#include <numeric>

using namespace hybridrt;

static void check(hybrid_status status) {
  if (status != HYBRID_OK)
    throw Error(hybrid_last_error());
}

namespace {
/// Adds the time that it lives to a timing.
class Stopwatch {
public:
  explicit Stopwatch(Timing &timing, int64_t tokens) : timing(timing) { timing.tokens += tokens; }
  ~Stopwatch() { timing.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); }

private:
  Timing &timing;
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
};
} // namespace

Session::Session(const Options &options, const Prepared &prepared) {
  auto orNull = [](const std::string &text) { return text.empty() ? nullptr : text.c_str(); };
  hybrid_options o;
  hybrid_options_init(&o);
  o.artifact = prepared.artifact.c_str();
  o.weights = orNull(prepared.weights);
  o.random_weights = options.randomWeights.has_value();
  o.seed = options.randomWeights.value_or(0);
  o.dtype = orNull(options.dtype);
  o.device = orNull(options.device);
  o.cpu = orNull(options.cpu);
  o.variant = orNull(options.variant);
  o.threads = options.threads;
  o.no_cache = options.noCache;
  o.profile = options.profile;
  check(hybrid_model_load(&o, &model));
  vocab = info().vocab;
}

Session::~Session() {
  for (hybrid_sequence *sequence : sequences)
    hybrid_sequence_free(sequence);
  hybrid_model_free(model);
}

hybrid_info Session::info() const {
  hybrid_info info;
  info.size = sizeof info;
  check(hybrid_model_info(model, &info));
  return info;
}

/// Every token's index, or only that of every sequence's last.
static std::vector<int32_t> wantedRows(std::span<const int32_t> offsets, bool all) {
  std::vector<int32_t> rows(all ? offsets.back() : offsets.size() - 1);
  for (size_t i = 0; i < rows.size(); ++i)
    rows[i] = all ? int32_t(i) : offsets[i + 1] - 1;
  return rows;
}

void Session::score(const Inputs &inputs, float *logits) {
  std::vector<int32_t> rows = wantedRows(inputs.offsets, logits);
  if (!logits) {
    last.resize(rows.size() * vocab);
    logits = last.data();
  }
  hybrid_tokens tokens = {inputs.ids.data(), inputs.offsets.data(), inputs.count(), rows.data(), rows.size()};
  Stopwatch watch(prefill, int64_t(inputs.ids.size()));
  check(hybrid_score(model, &tokens, logits));
}

void Session::reserve(const Inputs &inputs, int64_t newTokens) {
  check(hybrid_reserve(model, int64_t(inputs.count()), inputs.longest() + newTokens));
}

void Session::append(const Inputs &inputs, const std::vector<int64_t> &chunks, float *logits) {
  while (sequences.size() < inputs.count()) {
    sequences.push_back(nullptr);
    check(hybrid_sequence_create(model, &sequences.back()));
  }
  last.resize(inputs.count() * vocab);
  int64_t begin = 0;
  for (int64_t chunk : chunks) {
    // What is left of each sequence; short ones drop out of later chunks.
    std::vector<int32_t> ids, offsets = {0};
    std::vector<size_t> members;
    std::vector<hybrid_sequence *> handles;
    for (size_t b = 0; b < inputs.count(); ++b) {
      int64_t count = std::min(chunk, inputs.length(b) - begin);
      if (count <= 0)
        continue;
      members.push_back(b);
      handles.push_back(sequences[b]);
      auto from = inputs.ids.begin() + inputs.offsets[b] + begin;
      ids.insert(ids.end(), from, from + count);
      offsets.push_back(int32_t(ids.size()));
    }
    std::vector<int32_t> rows = wantedRows(offsets, logits);
    // One chunk of everything has the order of the result.
    bool whole = logits && ids.size() == inputs.ids.size();
    std::vector<float> part(whole ? 0 : rows.size() * vocab);
    float *out = whole ? logits : part.data();
    hybrid_tokens tokens = {ids.data(), offsets.data(), members.size(), rows.data(), rows.size()};
    {
      Stopwatch watch(prefill, int64_t(ids.size()));
      check(hybrid_append(model, handles.data(), &tokens, out));
    }
    for (size_t m = 0; m < members.size(); ++m) {
      size_t b = members[m], row = logits ? offsets[m + 1] - 1 : m;
      if (logits && !whole)
        std::memcpy(logits + (inputs.offsets[b] + begin) * vocab, out + offsets[m] * vocab,
                    size_t(offsets[m + 1] - offsets[m]) * vocab * 4);
      std::memcpy(last.data() + b * vocab, out + row * vocab, vocab * 4);
    }
    begin += chunk;
  }
}

std::vector<int64_t> Session::generate(int64_t count, double temperature, uint64_t seed) {
  size_t total = sequences.size();
  hybrid_info about = info();
  std::span<const int64_t> eos(about.eos, about.eos_count);
  std::vector<int64_t> output(total * count, eos.empty() ? 0 : eos[0]);
  std::vector<size_t> alive(total);
  std::iota(alive.begin(), alive.end(), 0);
  for (int64_t step = 0; step < count && !alive.empty(); ++step) {
    std::vector<int32_t> ids, offsets = {0}, rows;
    std::vector<hybrid_sequence *> handles;
    std::vector<size_t> next;
    for (size_t b : alive) {
      int32_t token;
      uint64_t position = uint64_t(hybrid_sequence_length(sequences[b]));
      check(hybrid_sample(last.data() + b * vocab, vocab, temperature, seed, b, position, &token));
      output[b * count + step] = token;
      if (std::find(eos.begin(), eos.end(), token) != eos.end()) {
        std::fill(output.begin() + b * count + step, output.begin() + (b + 1) * count, token);
        continue;
      }
      next.push_back(b);
      handles.push_back(sequences[b]);
      rows.push_back(int32_t(ids.size()));
      ids.push_back(token);
      offsets.push_back(int32_t(ids.size()));
    }
    alive = std::move(next);
    if (alive.empty() || step + 1 == count)
      break;
    std::vector<float> out(rows.size() * vocab);
    hybrid_tokens tokens = {ids.data(), offsets.data(), alive.size(), rows.data(), rows.size()};
    {
      Stopwatch watch(decode, int64_t(ids.size()));
      check(hybrid_append(model, handles.data(), &tokens, out.data()));
    }
    for (size_t m = 0; m < alive.size(); ++m)
      std::memcpy(last.data() + alive[m] * vocab, out.data() + m * vocab, vocab * 4);
  }
  return output;
}

void Session::append(hybrid_sequence *const *members, const hybrid_tokens &tokens, float *logits, Timing &timing) {
  Stopwatch watch(timing, tokens.offsets[tokens.sequences]);
  check(hybrid_append(model, members, &tokens, logits));
}

std::span<const hybrid_step> Session::profile() const {
  const hybrid_step *steps;
  size_t count;
  check(hybrid_profile(model, &steps, &count));
  return {steps, count};
}
