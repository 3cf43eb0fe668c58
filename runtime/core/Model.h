// A loaded model: device, weights, caches and threads together. Calls of one model run one at a time.
#ifndef HYBRID_RUNTIME_CORE_MODEL_H
#define HYBRID_RUNTIME_CORE_MODEL_H
#include "runtime/core/Executor.h"
#include "runtime/x86/ThreadPool.h"
#include <memory>
#include <mutex>
#include <optional>

namespace hybridrt {

struct ModelOptions {
  std::string artifact;
  /// A checkpoint, or else a seed.
  std::string weights;
  std::optional<uint64_t> seed;
  /// Empty: the artifact's; anything else must be what the artifact has.
  std::string dtype;
  /// Empty: x86.
  std::string device;
  std::string cpu, variant;
  unsigned threads = 0;
  bool useCache = true, profile = false;
  /// 0: what the device has.
  uint64_t memoryLimit = 0;
};

/// Tokens of several sequences one after another; `offsets` has one entry more than there are sequences.
/// `rows` are the tokens whose logits are wanted, counted over the whole batch.
struct Tokens {
  std::span<const int32_t> ids, offsets, rows;
};

class Model {
public:
  explicit Model(const ModelOptions &options);
  const artifact::ArtifactT &manifest() const { return artifact; }
  const std::string &code() const { return device->code(); }
  const std::string &deviceName() const { return deviceText; }
  unsigned threads() const { return pool->size(); }
  uint64_t weightBytes() const { return weights->size(); }
  uint64_t memoryTaken() const { return device->budget().taken(); }
  const std::vector<std::string> &notes() const { return messages; }

  /// Logits [rows, vocab] of whole sequences, without caches.
  void score(const Tokens &tokens, float *logits);

  /// Takes the memory that so many more sequences of so many tokens need; an Error if it is not there.
  void reserve(int64_t sequences, int64_t tokens);
  std::unique_ptr<Sequence> createSequence();
  std::unique_ptr<Sequence> fork(const Sequence &sequence);
  void destroy(std::unique_ptr<Sequence> sequence);
  /// Appends at least one token to each of the sequences, which are distinct.
  void append(std::span<Sequence *const> sequences, const Tokens &tokens, float *logits);
  /// Takes back the last `count` tokens of the last append.
  void rollback(Sequence &sequence, int64_t count);

  std::vector<StepProfile> profile() const { return executor->profile(); }

private:
  const artifact::ProgramT &chooseProgram() const;
  void checkTokens(const Tokens &tokens) const;
  Batch makeBatch(const Tokens &tokens, float *logits) const;
  void appendLocked(std::span<Sequence *const> sequences, const Tokens &tokens, float *logits);

  artifact::ArtifactT artifact;
  std::string path, variant, deviceText;
  std::vector<std::string> messages;
  std::unique_ptr<ThreadPool> pool;
  std::unique_ptr<Device> device;
  std::unique_ptr<PackedWeights> weights;
  std::unique_ptr<CacheStore> caches;
  std::unique_ptr<Executor> executor;
  uint64_t nextSequence = 0;
  std::mutex mutex;
};

/// The token of the largest logit (temperature 0; the lowest of equals), or one drawn with probability
/// softmax(logits / temperature). What is drawn depends on seed, sequence and position only.
int32_t sample(std::span<const float> logits, double temperature, uint64_t seed, uint64_t sequence, uint64_t position);

} // namespace hybridrt
#endif
