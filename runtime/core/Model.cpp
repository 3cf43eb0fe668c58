#include "runtime/core/Model.h"
#include "runtime/core/Devices.h"
#include "runtime/x86/Cpu.h"
#include <algorithm>
#include <set>

using namespace hybridrt;
using namespace hybridrt::artifact;

static std::string join(const std::vector<std::string> &words) {
  std::string text;
  for (const std::string &word : words)
    text += (text.empty() ? "" : ", ") + word;
  return text;
}

const ProgramT &Model::chooseProgram() const {
  std::vector<std::string> wanted = device->targets(), there;
  for (const std::string &target : wanted)
    for (auto &program : artifact.programs)
      if (program->target == target)
        return *program;
  for (auto &program : artifact.programs)
    there.push_back(program->target);
  fail("'", path, "' has no code for ", join(wanted), ", only for ", join(there),
       "; compile it with --targets=", wanted.front());
}

Model::Model(const ModelOptions &options)
    : artifact(readArtifact(options.artifact).get()), path(options.artifact), variant(options.variant) {
  if (!options.dtype.empty() && options.dtype != nameOf(artifact.dtype))
    fail("'", path, "' is compiled for ", nameOf(artifact.dtype), ", not for ", options.dtype,
         "; compile the model again with --dtype=", options.dtype);
  constexpr unsigned mostThreads = 1024;
  if (options.threads > mostThreads)
    fail("expected at most ", mostThreads, " threads, got ", options.threads);
  pool = std::make_unique<ThreadPool>(options.threads, availableCpus());
  device = openDevice(options.device, options.cpu, options.memoryLimit, *pool);
  deviceText = concat(device->name(), " (", device->description(), ")");
  const ProgramT &program = chooseProgram();
  device->load(program, messages);
  std::optional<Checkpoint> checkpoint;
  WeightSource source;
  if (options.seed && !options.weights.empty())
    fail("expected weights or a seed for random weights, got both");
  if (options.seed) {
    source.seed = *options.seed;
  } else if (!options.weights.empty()) {
    checkpoint.emplace(Checkpoint::open(options.weights).get());
    source.checkpoint = &*checkpoint;
  } else {
    fail("'", path, "' holds no weights: give a folder with them, or a seed for random ones");
  }
  weights = std::make_unique<PackedWeights>(program, source, options.useCache, *pool, device->budget(), messages);
  caches = std::make_unique<CacheStore>(artifact, device->budget());
  executor = std::make_unique<Executor>(program, *device, *weights, *caches);
  if (options.profile)
    executor->enableProfile();
}

void Model::checkTokens(const Tokens &tokens) const {
  if (tokens.offsets.size() < 2 || tokens.offsets.front() != 0)
    fail("expected offsets of at least one sequence, beginning with 0");
  for (size_t b = 0; b + 1 < tokens.offsets.size(); ++b)
    if (tokens.offsets[b + 1] <= tokens.offsets[b])
      fail("expected at least one token in every sequence, but sequence ", b, " goes from ", tokens.offsets[b], " to ",
           tokens.offsets[b + 1]);
  if (tokens.offsets.back() != int64_t(tokens.ids.size()))
    fail("offsets end at ", tokens.offsets.back(), ", but there are ", tokens.ids.size(), " tokens");
  for (size_t i = 0; i < tokens.ids.size(); ++i)
    if (tokens.ids[i] < 0 || tokens.ids[i] >= artifact.vocab)
      fail("token ", i, " is ", tokens.ids[i], ", expected 0 to ", artifact.vocab - 1);
  for (int32_t row : tokens.rows)
    if (row < 0 || row >= int64_t(tokens.ids.size()))
      fail("logits of token ", row, " are wanted, but there are ", tokens.ids.size(), " tokens");
}

Batch Model::makeBatch(const Tokens &tokens, float *logits) const {
  Batch batch;
  batch.ids.assign(tokens.ids.begin(), tokens.ids.end());
  batch.offsets.assign(tokens.offsets.begin(), tokens.offsets.end());
  batch.rows.assign(tokens.rows.begin(), tokens.rows.end());
  batch.positions.resize(tokens.ids.size());
  size_t count = tokens.offsets.size() - 1;
  batch.lengths.assign(count, 0);
  batch.readSlots.assign(count, zeroSlot);
  batch.writeSlots.assign(count, zeroSlot);
  batch.logits = logits;
  batch.logitsBytes = tokens.rows.size() * uint64_t(artifact.vocab) * sizeof(float);
  return batch;
}

static void fillPositions(Batch &batch) {
  for (size_t b = 0; b + 1 < batch.offsets.size(); ++b)
    for (int32_t i = batch.offsets[b]; i < batch.offsets[b + 1]; ++i)
      batch.positions[i] = batch.lengths[b] + i - batch.offsets[b];
}

void Model::score(const Tokens &tokens, float *logits) {
  checkTokens(tokens);
  std::lock_guard lock(mutex);
  Batch batch = makeBatch(tokens, logits);
  fillPositions(batch);
  executor->run("score", batch, variant);
}

void Model::reserve(int64_t sequences, int64_t tokens) {
  if (sequences < 0 || tokens < 0 || sequences > INT32_MAX || tokens > INT32_MAX)
    fail("expected between 0 and ", INT32_MAX, " sequences and tokens, got ", sequences, " and ", tokens);
  std::lock_guard lock(mutex);
  // A sequence holds its state and that before the last append, and writes a third.
  caches->ensure(sequences * ((tokens + pageTokens - 1) / pageTokens), 3 * sequences);
}

std::unique_ptr<Sequence> Model::createSequence() {
  std::lock_guard lock(mutex);
  return std::make_unique<Sequence>(*caches, nextSequence++);
}

std::unique_ptr<Sequence> Model::fork(const Sequence &sequence) {
  std::lock_guard lock(mutex);
  return std::make_unique<Sequence>(sequence, nextSequence++);
}

void Model::destroy(std::unique_ptr<Sequence> sequence) {
  std::lock_guard lock(mutex);
  sequence.reset();
}

void Model::append(std::span<Sequence *const> sequences, const Tokens &tokens, float *logits) {
  checkTokens(tokens);
  if (sequences.size() + 1 != tokens.offsets.size())
    fail("expected one stretch of tokens per sequence, got ", tokens.offsets.size() - 1, " for ", sequences.size(),
         " sequences");
  if (std::set<Sequence *>(sequences.begin(), sequences.end()).size() != sequences.size())
    fail("expected distinct sequences in one append");
  std::lock_guard lock(mutex);
  appendLocked(sequences, tokens, logits);
}

void Model::appendLocked(std::span<Sequence *const> sequences, const Tokens &tokens, float *logits) {
  Batch batch = makeBatch(tokens, logits);
  int64_t pages = 0, slots = 0;
  auto count = [&](size_t b) { return int64_t(tokens.offsets[b + 1]) - tokens.offsets[b]; };
  for (size_t b = 0; b < sequences.size(); ++b) {
    if (sequences[b]->length() + count(b) > INT32_MAX)
      fail("sequence ", b, " would have more than ", INT32_MAX, " tokens");
    batch.lengths[b] = int32_t(sequences[b]->length());
    pages += sequences[b]->pagesNeeded(count(b));
    slots += sequences[b]->slotsNeeded();
  }
  fillPositions(batch);
  caches->ensure(pages, slots);
  for (size_t b = 0; b < sequences.size(); ++b)
    sequences[b]->prepare(count(b));
  try {
    int64_t width = sizesOf(batch.offsets, batch.lengths, 0).pagesPerSequence;
    batch.pageTable.assign(sequences.size() * width, 0);
    for (size_t b = 0; b < sequences.size(); ++b) {
      const std::vector<int32_t> &table = sequences[b]->pageTable();
      std::copy(table.begin(), table.end(), batch.pageTable.begin() + int64_t(b) * width);
      batch.readSlots[b] = sequences[b]->readSlot();
      batch.writeSlots[b] = sequences[b]->writeSlot();
    }
    executor->run("append", batch, variant);
  } catch (...) {
    for (Sequence *sequence : sequences)
      sequence->abandon();
    throw;
  }
  for (size_t b = 0; b < sequences.size(); ++b)
    sequences[b]->commit(tokens.ids.data() + tokens.offsets[b], count(b));
}

void Model::rollback(Sequence &sequence, int64_t count) {
  std::lock_guard lock(mutex);
  int64_t last = int64_t(sequence.lastAppend().size());
  if (count < 0 || count > last)
    fail("expected to take back 0 to ", last, " tokens, the size of the last append, got ", count);
  if (count == 0)
    return;
  if (!caches->hasSlots())
    return sequence.truncate(count);
  std::vector<int32_t> kept = sequence.undo();
  kept.resize(last - count);
  if (kept.empty())
    return;
  int32_t offsets[2] = {0, int32_t(kept.size())};
  Sequence *one[1] = {&sequence};
  appendLocked(one, {kept, offsets, {}}, nullptr);
}
