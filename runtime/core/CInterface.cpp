// The C interface: checks pointers, turns exceptions into statuses.
#include "runtime/core/Devices.h"
#include "runtime/core/Model.h"
#include "runtime/include/hybrid_runtime.h"
#include <cstring>
#include <set>

using namespace hybridrt;

struct hybrid_model {
  std::shared_ptr<Model> model;
  std::string notes;
};

struct hybrid_sequence {
  std::shared_ptr<Model> model;
  std::unique_ptr<Sequence> sequence;
};

namespace {
thread_local std::string lastError;

template <typename Function> hybrid_status guarded(Function &&function) {
  try {
    function();
    return HYBRID_OK;
  } catch (const std::bad_alloc &) {
    lastError = "out of memory";
  } catch (const std::exception &e) {
    lastError = e.what();
  }
  return HYBRID_FAILED;
}

template <typename... Pointers> void require(const char *what, const Pointers *...pointers) {
  if (((pointers == nullptr) || ...))
    fail(what, ": expected pointers, got NULL");
}

std::string text(const char *string) { return string ? string : ""; }

Tokens view(const hybrid_tokens *tokens) {
  require("tokens", tokens);
  require("tokens", tokens->ids, tokens->offsets);
  if (tokens->row_count > 0)
    require("rows", tokens->rows);
  std::span<const int32_t> offsets(tokens->offsets, tokens->sequences + 1);
  if (offsets.back() < 0)
    fail("expected offsets of at least 0, got ", offsets.back());
  return {{tokens->ids, size_t(offsets.back())}, offsets, {tokens->rows, tokens->row_count}};
}
} // namespace

const char *hybrid_last_error(void) { return lastError.c_str(); }

void hybrid_options_init(hybrid_options *options) {
  if (!options)
    return;
  *options = {};
  options->size = sizeof *options;
}

hybrid_status hybrid_device_target(const char *device, const char **target) {
  return guarded([&] {
    require("hybrid_device_target", target);
    static std::mutex mutex;
    static std::set<std::string> names;
    std::lock_guard lock(mutex);
    *target = names.insert(targetsOfDevice(text(device)).front()).first->c_str();
  });
}

hybrid_status hybrid_model_load(const hybrid_options *options, hybrid_model **model) {
  return guarded([&] {
    require("hybrid_model_load", options, model);
    if (options->size != sizeof *options)
      fail("expected options of ", sizeof *options, " bytes, got ", options->size,
           "; fill them with hybrid_options_init of this version");
    require("options->artifact", options->artifact);
    ModelOptions o;
    o.artifact = options->artifact;
    o.weights = text(options->weights);
    if (options->random_weights)
      o.seed = options->seed;
    o.dtype = text(options->dtype);
    o.device = text(options->device);
    o.cpu = text(options->cpu);
    o.variant = text(options->variant);
    o.threads = options->threads;
    o.useCache = !options->no_cache;
    o.profile = options->profile;
    o.memoryLimit = options->memory_limit;
    auto loaded = std::make_unique<hybrid_model>();
    loaded->model = std::make_shared<Model>(o);
    for (const std::string &note : loaded->model->notes())
      loaded->notes += note + "\n";
    *model = loaded.release();
  });
}

void hybrid_model_free(hybrid_model *model) { delete model; }

hybrid_status hybrid_model_info(hybrid_model *model, hybrid_info *info) {
  return guarded([&] {
    require("hybrid_model_info", model, info);
    if (info->size != sizeof *info)
      fail("expected an info of ", sizeof *info, " bytes, got ", info->size);
    const artifact::ArtifactT &a = model->model->manifest();
    info->name = a.model.c_str();
    info->family = a.family.c_str();
    info->dtype = nameOf(a.dtype);
    info->compiler = a.compiler.c_str();
    info->device = model->model->deviceName().c_str();
    info->code = model->model->code().c_str();
    info->vocab = a.vocab;
    info->width = a.width;
    info->eos = a.eos.data();
    info->eos_count = a.eos.size();
    info->threads = model->model->threads();
    info->weight_bytes = model->model->weightBytes();
    info->memory_bytes = model->model->memoryTaken();
    info->notes = model->notes.c_str();
  });
}

hybrid_status hybrid_score(hybrid_model *model, const hybrid_tokens *tokens, float *logits) {
  return guarded([&] {
    require("hybrid_score", model, logits);
    model->model->score(view(tokens), logits);
  });
}

hybrid_status hybrid_reserve(hybrid_model *model, int64_t sequences, int64_t tokens) {
  return guarded([&] {
    require("hybrid_reserve", model);
    model->model->reserve(sequences, tokens);
  });
}

hybrid_status hybrid_sequence_create(hybrid_model *model, hybrid_sequence **sequence) {
  return guarded([&] {
    require("hybrid_sequence_create", model, sequence);
    *sequence = new hybrid_sequence{model->model, model->model->createSequence()};
  });
}

void hybrid_sequence_free(hybrid_sequence *sequence) {
  if (sequence)
    sequence->model->destroy(std::move(sequence->sequence));
  delete sequence;
}

int64_t hybrid_sequence_length(const hybrid_sequence *sequence) { return sequence ? sequence->sequence->length() : 0; }

hybrid_status hybrid_sequence_fork(hybrid_sequence *sequence, hybrid_sequence **fork) {
  return guarded([&] {
    require("hybrid_sequence_fork", sequence, fork);
    *fork = new hybrid_sequence{sequence->model, sequence->model->fork(*sequence->sequence)};
  });
}

hybrid_status hybrid_sequence_rollback(hybrid_sequence *sequence, int64_t count) {
  return guarded([&] {
    require("hybrid_sequence_rollback", sequence);
    sequence->model->rollback(*sequence->sequence, count);
  });
}

hybrid_status hybrid_append(hybrid_model *model, hybrid_sequence *const *sequences, const hybrid_tokens *tokens,
                            float *logits) {
  return guarded([&] {
    require("hybrid_append", model, sequences, tokens);
    Tokens checked = view(tokens);
    if (!checked.rows.empty())
      require("logits", logits);
    std::vector<Sequence *> list;
    for (size_t i = 0; i < tokens->sequences; ++i) {
      require("sequences", sequences[i]);
      if (sequences[i]->model != model->model)
        fail("sequence ", i, " belongs to another model");
      list.push_back(sequences[i]->sequence.get());
    }
    model->model->append(list, checked, logits);
  });
}

hybrid_status hybrid_sample(const float *logits, int64_t vocab, double temperature, uint64_t seed, uint64_t sequence,
                            uint64_t position, int32_t *token) {
  return guarded([&] {
    require("hybrid_sample", logits, token);
    if (vocab <= 0)
      fail("expected a positive vocabulary, got ", vocab);
    *token = sample({logits, size_t(vocab)}, temperature, seed, sequence, position);
  });
}

hybrid_status hybrid_profile(hybrid_model *model, const hybrid_step **steps, size_t *count) {
  return guarded([&] {
    require("hybrid_profile", model, steps, count);
    static thread_local std::vector<StepProfile> profile;
    static thread_local std::vector<hybrid_step> list;
    profile = model->model->profile();
    static thread_local std::vector<std::vector<hybrid_count>> counts;
    list.clear();
    counts.clear();
    for (const StepProfile &step : profile) {
      std::vector<hybrid_count> &own = counts.emplace_back();
      for (const Count &count : step.counts)
        own.push_back({count.name, count.value});
      list.push_back({step.entry.c_str(), step.variant.c_str(), step.label.c_str(), step.code->symbol.c_str(),
                      step.calls, step.seconds, step.flops, step.bytes, own.data(), own.size(), step.code->threads,
                      step.code->registers, step.code->shared_bytes});
    }
    *steps = list.data();
    *count = list.size();
  });
}
