#include "tools/hybrid-run/Continuation.h"
#include "runtime/device/Memory.h"
#include <algorithm>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>

using namespace hybridrt;
using Json = nlohmann::ordered_json;

static void check(hybrid_status status) {
  if (status != HYBRID_OK)
    throw Error(hybrid_last_error());
}

static void printLine(const Json &json) {
  std::printf("%s\n", json.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
  std::fflush(stdout);
}

Continuation::Continuation(Session &session, const Tokenizer &tokenizer, const Options &options,
                           std::vector<int64_t> stopTokens)
    : session(session), tokenizer(tokenizer), options(options), stopTokens(std::move(stopTokens)),
      vocab(session.info().vocab), sampler(options.sampling(), vocab) {
  if (options.text.samples < 1 || options.text.samples > 4096)
    fail("--samples: expected 1 to 4096, got ", options.text.samples);
  if (options.text.interactive && options.text.samples > 1)
    fail("--interactive: expected one sample, got ", options.text.samples);
}

Continuation::~Continuation() {
  for (Sample &sample : samples)
    hybrid_sequence_free(sample.sequence);
}

void Continuation::prefill(const std::vector<int32_t> &tokens) {
  if (samples.empty()) {
    samples.resize(options.text.samples);
    check(hybrid_sequence_create(session.handle(), &samples[0].sequence));
  }
  Sample &first = samples[0];
  std::vector<int32_t> ids;
  if (first.unseen)
    ids.push_back(*first.unseen);
  first.unseen.reset();
  ids.insert(ids.end(), tokens.begin(), tokens.end());
  if (ids.empty())
    fail("the prompt has no tokens: expected some text to continue");
  if (ids.size() > INT32_MAX)
    fail("the prompt has ", ids.size(), " tokens, expected at most ", INT32_MAX);
  for (int32_t id : ids)
    if (id >= vocab)
      fail("the tokenizer has token ", id, ", but the model's vocabulary has ", vocab, ": do they belong together?");
  check(hybrid_reserve(session.handle(), options.text.samples, int64_t(ids.size()) + options.text.newTokens));
  first.logits.resize(vocab);
  int32_t offsets[] = {0, int32_t(ids.size())}, row = int32_t(ids.size()) - 1;
  hybrid_tokens batch = {ids.data(), offsets, 1, &row, 1};
  session.append(&first.sequence, batch, first.logits.data(), session.prefill);
  for (size_t i = 0; i < samples.size(); ++i) {
    Sample &sample = samples[i];
    sample.history.addPrompt(ids);
    sample.decoder = tokenizer.stream(/*skipSpecial=*/true);
    sample.stop.emplace(options.text.stops);
    sample.text.clear();
    sample.count = 0;
    sample.done = false;
    if (i == 0)
      continue;
    check(hybrid_sequence_fork(first.sequence, &sample.sequence));
    sample.logits = first.logits;
  }
}

void Continuation::answer(const std::vector<int32_t> &tokens) {
  auto start = std::chrono::steady_clock::now();
  prefill(tokens);
  for (bool begun = false;; begun = true) {
    for (size_t i = 0; i < samples.size(); ++i)
      if (!samples[i].done)
        step(i);
    if (!begun)
      firstToken += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (std::all_of(samples.begin(), samples.end(), [](const Sample &sample) { return sample.done; }))
      break;
    advance();
  }
  ++answers;
  if (options.json)
    return;
  for (size_t i = 0; i < samples.size() && samples.size() > 1; ++i)
    std::printf("--- sample %zu\n%s\n", i + 1, samples[i].text.c_str());
  if (samples.size() == 1)
    std::printf("%s\n", options.text.logProbs > 0 ? samples[0].text.c_str() : "");
  std::fflush(stdout);
}

/// Draws a sample's next token.
void Continuation::step(size_t number) {
  Sample &sample = samples[number];
  if (options.text.newTokens == 0)
    return end(number, "length");
  auto position = uint64_t(hybrid_sequence_length(sample.sequence));
  int32_t token = sampler.draw(sample.logits, sample.history, number, position);
  bool ends = std::find(stopTokens.begin(), stopTokens.end(), token) != stopTokens.end();
  std::string text = ends ? "" : sample.stop->push(sample.decoder->push(token));
  if (!ends) {
    sample.history.addGenerated(token);
    sample.unseen = token;
    ++sample.count;
  }
  printToken(number, token, text);
  show(number, text);
  if (ends)
    end(number, "end");
  else if (sample.stop->stopped())
    end(number, "stop");
  else if (sample.count == options.text.newTokens)
    end(number, "length");
}

void Continuation::end(size_t number, const char *reason) {
  Sample &sample = samples[number];
  sample.done = true;
  std::string rest = sample.stop->push(sample.decoder->finish());
  rest += sample.stop->finish();
  show(number, rest);
  if (options.json)
    printLine({{"event", "end"},
               {"sample", number},
               {"reason", reason},
               {"tokens", sample.count},
               {"rest", rest},
               {"text", sample.text}});
}

void Continuation::show(size_t number, const std::string &text) {
  samples[number].text += text;
  if (options.json || samples.size() > 1 || options.text.logProbs > 0)
    return;
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

/// What --json and --log-probs say about a token.
void Continuation::printToken(size_t number, int32_t token, const std::string &text) {
  if (!options.json && options.text.logProbs == 0)
    return;
  const Sample &sample = samples[number];
  double probability = logProbability(sample.logits, token);
  std::vector<Candidate> top = likeliest(sample.logits, size_t(options.text.logProbs));
  if (!options.json) {
    auto name = [&](int32_t id) {
      return Json(tokenizer.name(id).value_or("")).dump(-1, ' ', false, Json::error_handler_t::replace);
    };
    std::printf("%zu: %d %s %.4f", number + 1, token, name(token).c_str(), probability);
    for (const Candidate &candidate : top)
      std::printf("%s%d %s %.4f", &candidate == top.data() ? " of " : ", ", candidate.token,
                  name(candidate.token).c_str(), candidate.probability);
    std::printf("\n");
    return;
  }
  Json json = {
      {"event", "token"}, {"sample", number}, {"token", token}, {"text", text}, {"log_probability", probability}};
  for (const Candidate &candidate : top)
    json["top"].push_back({{"token", candidate.token},
                           {"name", tokenizer.name(candidate.token).value_or("")},
                           {"log_probability", candidate.probability}});
  printLine(json);
}

/// Shows the model the tokens just drawn, of all samples that go on.
void Continuation::advance() {
  std::vector<int32_t> ids, offsets = {0}, rows;
  std::vector<hybrid_sequence *> handles;
  std::vector<Sample *> alive;
  for (Sample &sample : samples) {
    if (sample.done)
      continue;
    alive.push_back(&sample);
    handles.push_back(sample.sequence);
    rows.push_back(int32_t(ids.size()));
    ids.push_back(*sample.unseen);
    offsets.push_back(int32_t(ids.size()));
    sample.unseen.reset();
  }
  std::vector<float> logits(alive.size() * size_t(vocab));
  hybrid_tokens batch = {ids.data(), offsets.data(), alive.size(), rows.data(), rows.size()};
  session.append(handles.data(), batch, logits.data(), session.decode);
  for (size_t i = 0; i < alive.size(); ++i)
    std::memcpy(alive[i]->logits.data(), logits.data() + i * size_t(vocab), size_t(vocab) * sizeof(float));
}

void Continuation::printStatistics(double startup) const {
  hybrid_info info = session.info();
  double first = answers ? firstToken / double(answers) : 0;
  if (options.json)
    return printLine({{"event", "statistics"},
                      {"startup_seconds", startup},
                      {"prompt_tokens", session.prefill.tokens},
                      {"first_token_seconds", first},
                      {"new_tokens", session.decode.tokens},
                      {"tokens_per_second", session.decode.rate()},
                      {"memory_bytes", info.memory_bytes}});
  std::fprintf(
      stderr,
      "start-up %.2f s; prompt %ld tokens, %.1f tok/s; first token after %.3f s; then %ld tokens, %.1f tok/s; memory "
      "%s\n",
      startup, long(session.prefill.tokens), session.prefill.rate(), first, long(session.decode.tokens),
      session.decode.rate(), formatBytes(double(info.memory_bytes)).c_str());
}
