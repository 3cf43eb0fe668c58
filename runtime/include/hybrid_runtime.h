/* The C interface of the runtime: load a compiled model, score tokens, generate with caches.
 *
 * Every call that can fail returns a status; after anything but HYBRID_OK, hybrid_last_error() of the same
 * thread says what was expected, what was found, where, and the way out. Nothing aborts. Calls on one model
 * may come from several threads and run one at a time. */
#ifndef HYBRID_RUNTIME_H
#define HYBRID_RUNTIME_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HYBRID_API __attribute__((visibility("default")))

/* What became of a call. */
typedef enum hybrid_status { HYBRID_OK = 0, HYBRID_FAILED = 1 } hybrid_status;

/* The message of this thread's last failed call; valid until its next. */
HYBRID_API const char *hybrid_last_error(void);

/* A loaded model, and the past of one text: both are opaque, and both belong to the caller. */
typedef struct hybrid_model hybrid_model;
typedef struct hybrid_sequence hybrid_sequence;

/* How to load. Fill with hybrid_options_init, then set what differs. Strings are copied. */
typedef struct hybrid_options {
  size_t size;           /* of this struct, for later versions */
  const char *artifact;  /* path of a .hyb file */
  const char *weights;   /* folder or safetensors file; NULL with random weights */
  int random_weights;    /* 1: draw the weights from the model's initialisers and `seed` */
  uint64_t seed;         /* of random weights */
  const char *dtype;     /* NULL, or what the artifact must be compiled for: "f32", "bf16", "f16" */
  const char *device;    /* NULL: "x86"; or "cuda", "cuda:N", "emulator" */
  const char *cpu;       /* NULL: the best; or "x86-64-v1", "x86-64-v3", "x86-64-v4" */
  const char *variant;   /* NULL: by the sizes of each call; or the name of the variant to use */
  uint32_t threads;      /* 0: one per physical core */
  int no_cache;          /* 1: packed weights are not kept on disk */
  int profile;           /* 1: time every step */
  uint64_t memory_limit; /* bytes for weights, caches and intermediates; 0: what the device has */
} hybrid_options;
HYBRID_API void hybrid_options_init(hybrid_options *options);

/* What to compile for so that a device runs it: "x86-64", "sm_80", "sm_90a". An error if there is no such device.
 * The text lives as long as the program. */
HYBRID_API hybrid_status hybrid_device_target(const char *device, const char **target);

/* Maps the artifact, checks all of it, and packs the weights, or finds them packed on disk. Fails for an artifact of
 * another version, without code for the device or the CPU; for weights that are missing or have another shape or type
 * than the artifact says; and if memory does not suffice. */
HYBRID_API hybrid_status hybrid_model_load(const hybrid_options *options, hybrid_model **model);

/* NULL is allowed. Sequences that still exist keep what they need. */
HYBRID_API void hybrid_model_free(hybrid_model *model);

/* What was loaded. Strings and lists live as long as the model. */
typedef struct hybrid_info {
  size_t size; /* set by the caller: sizeof(hybrid_info) */
  const char *name, *family, *dtype, *compiler;
  const char *device;   /* "cuda:0 (NVIDIA H100)" */
  const char *code;     /* which of the artifact's code runs: "x86-64-v3", "sm_90a" */
  int64_t vocab, width; /* tokens; channels between layers */
  const int64_t *eos;   /* tokens that end a text */
  size_t eos_count;
  uint32_t threads;      /* of the host */
  uint64_t weight_bytes; /* as packed */
  uint64_t memory_bytes; /* weights, caches and intermediates, now */
  const char *notes;     /* what went another way than usual, a line each */
} hybrid_info;
HYBRID_API hybrid_status hybrid_model_info(hybrid_model *model, hybrid_info *info);

/* Tokens of several sequences one after another. Ids are from 0 to vocab - 1; every sequence has one at least. */
typedef struct hybrid_tokens {
  const int32_t *ids;     /* [offsets[sequences]] */
  const int32_t *offsets; /* [sequences + 1]: where each sequence's tokens begin; the first is 0 */
  size_t sequences;
  const int32_t *rows; /* tokens whose logits are wanted, as indices into ids, in any order */
  size_t row_count;
} hybrid_tokens;

/* Logits [row_count, vocab], f32, row-major, of whole sequences, without caches. `logits` is the caller's. */
HYBRID_API hybrid_status hybrid_score(hybrid_model *model, const hybrid_tokens *tokens, float *logits);

/* Takes the memory for so many more sequences of so many tokens each, so that it is known before the first call
 * whether they fit. Without it, caches grow as they fill. */
HYBRID_API hybrid_status hybrid_reserve(hybrid_model *model, int64_t sequences, int64_t tokens);

/* A sequence without tokens. It takes memory when it gets some. */
HYBRID_API hybrid_status hybrid_sequence_create(hybrid_model *model, hybrid_sequence **sequence);
/* NULL is allowed. */
HYBRID_API void hybrid_sequence_free(hybrid_sequence *sequence);
/* Its tokens; 0 for NULL. */
HYBRID_API int64_t hybrid_sequence_length(const hybrid_sequence *sequence);
/* A sequence with the same past. Nothing is copied until one of the two writes. */
HYBRID_API hybrid_status hybrid_sequence_fork(hybrid_sequence *sequence, hybrid_sequence **fork);
/* Takes back the last `count` tokens of the last append: 0 to as many as it had, more is an error. Recurrent
 * models compute the kept ones again, from the state before that append. */
HYBRID_API hybrid_status hybrid_sequence_rollback(hybrid_sequence *sequence, int64_t count);
/* Appends tokens->sequences stretches of tokens, in the order of `sequences`, which are distinct and of this model.
 * `logits` are as in hybrid_score; NULL if no rows are wanted. If it fails, no sequence has changed. */
HYBRID_API hybrid_status hybrid_append(hybrid_model *model, hybrid_sequence *const *sequences,
                                       const hybrid_tokens *tokens, float *logits);

/* The token of the largest logit (temperature 0; the lowest of equals), or one drawn with probability
 * softmax(logits / temperature), in f64. The draw is Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy
 * as 1, 2, 3", 2011) of seed, sequence and position, and depends on nothing else. NaNs among the logits are an
 * error. */
HYBRID_API hybrid_status hybrid_sample(const float *logits, int64_t vocab, double temperature, uint64_t seed,
                                       uint64_t sequence, uint64_t position, int32_t *token);

/* A figure that the device counts, such as "global sectors"; the emulator has them, others have none. */
typedef struct hybrid_count {
  const char *name;
  uint64_t value;
} hybrid_count;

/* What one step of a schedule has cost since the model was loaded with `profile`. Strings live until the next
 * call of hybrid_profile of this thread. */
typedef struct hybrid_step {
  const char *entry, *variant, *label, *kernel;
  uint64_t calls;
  double seconds, flops, bytes; /* operations and least bytes moved are what the compiler expects */
  const hybrid_count *counts;
  size_t count_size;
  /* Of the kernel on a GPU, else 0; `registers` of a thread are 0 too where the kernel was not assembled. */
  uint32_t threads, registers, shared_bytes;
} hybrid_step;
HYBRID_API hybrid_status hybrid_profile(hybrid_model *model, const hybrid_step **steps, size_t *count);

#ifdef __cplusplus
}
#endif
#endif
