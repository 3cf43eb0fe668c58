#include "runtime/weights/PackedWeights.h"
#include "lib/Artifact/Float.h"
#include "lib/Artifact/Hash.h"
#include <algorithm>
#include <cstring>
#include <mutex>

using namespace hybridrt;
using namespace hybridrt::artifact;

namespace {
/// Rows of a panel.
constexpr int64_t panelRows = 16;
/// The head of a cached file; the weights follow after `headBytes`.
struct Head {
  char magic[8] = {'H', 'Y', 'B', 'P', 'A', 'C', 'K', '1'};
  uint64_t key = 0, size = 0;
};
constexpr uint64_t headBytes = 4096;
const std::string purpose = "holding the model's weights";

/// Names how the parameters are made and stored, whatever code reads them: recompiled kernels find the same
/// weights.
uint64_t hashRecipes(const ProgramT &program) {
  uint64_t hash = 1;
  for (auto &param : program.params) {
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(CreateParam(builder, param.get()));
    hash = hashBytes(builder.GetBufferPointer(), builder.GetSize(), hash);
  }
  return hash;
}

/// f32 in `values`, rounded once to the stored type.
void store(DType dtype, const float *values, int64_t count, std::byte *out) {
  if (dtype == DType::f32) {
    std::memcpy(out, values, count * 4);
    return;
  }
  auto *half = reinterpret_cast<uint16_t *>(out);
  if (dtype == DType::bf16)
    for (int64_t i = 0; i < count; ++i)
      half[i] = toBFloat16(values[i]);
  else
    for (int64_t i = 0; i < count; ++i)
      half[i] = toFloat16(values[i]);
}
} // namespace

void PackedWeights::layOut(const ProgramT &program) {
  for (auto &param : program.params) {
    if (param->dtype == DType::i32)
      fail("parameter '", param->name, "': expected a floating-point type, found i32");
    offsets.push_back(total);
    // Kernels prefetch and may load a vector past the end.
    total += (uint64_t(storedElements(*param)) * sizeOf(param->dtype) + 64 + 63) / 64 * 64;
  }
}

template <typename Sink>
void PackedWeights::pack(const ProgramT &program, const std::vector<Recipe> &recipes, ThreadPool &pool,
                         Sink &&sink) const {
  struct Job {
    size_t param;
    int64_t begin, rows;
  };
  std::vector<Job> jobs;
  for (size_t i = 0; i < program.params.size(); ++i) {
    const Recipe &recipe = recipes[i];
    // About a megabyte a job, in whole panels.
    int64_t rows = std::max<int64_t>(1, (1 << 18) / recipe.columnCount() / panelRows) * panelRows;
    for (int64_t begin = 0; begin < recipe.rowCount(); begin += rows)
      jobs.push_back({i, begin, std::min(rows, recipe.rowCount() - begin)});
  }
  pool.forEach(int64_t(jobs.size()), [&](int64_t begin, int64_t end, unsigned) {
    std::vector<float> rows, panels;
    std::vector<std::byte> stored;
    for (int64_t j = begin; j < end; ++j) {
      const Job &job = jobs[j];
      const ParamT &param = *program.params[job.param];
      int64_t columns = recipes[job.param].columnCount();
      rows.resize(job.rows * columns);
      recipes[job.param].rows(job.begin, job.rows, rows.data());
      const std::vector<float> *image = &rows;
      if (param.layout == ParamLayout::panels) {
        panels.assign((job.rows + panelRows - 1) / panelRows * panelRows * columns, 0);
        for (int64_t r = 0; r < job.rows; ++r) {
          float *out = panels.data() + r / panelRows * panelRows * columns + r % panelRows;
          for (int64_t c = 0; c < columns; ++c)
            out[c * panelRows] = rows[r * columns + c];
        }
        image = &panels;
      }
      stored.resize(image->size() * sizeOf(param.dtype));
      store(param.dtype, image->data(), int64_t(image->size()), stored.data());
      sink(offsets[job.param] + uint64_t(job.begin * columns) * sizeOf(param.dtype), stored.data(), stored.size());
    }
  });
}

bool PackedWeights::mapCached(const std::string &path, uint64_t key) {
  Result<MappedFile> mapped = MappedFile::open(path);
  Head head;
  if (!mapped || mapped->bytes().size() != headBytes + total)
    return false;
  std::memcpy(&head, mapped->bytes().data(), sizeof head);
  if (std::memcmp(head.magic, Head().magic, sizeof head.magic) != 0 || head.key != key || head.size != total)
    return false;
  file.emplace(std::move(*mapped));
  return true;
}

bool PackedWeights::packIntoCache(const ProgramT &program, const std::vector<Recipe> &recipes, const DiskCache &cache,
                                  uint64_t key, ThreadPool &pool, std::vector<std::string> &notes) {
  std::string name = hexadecimal(key) + ".pack";
  try {
    DiskCache::Lock lock(cache, hexadecimal(key));
    if (mapCached(cache.path(name), key)) // another process was faster
      return true;
    cache.evict(headBytes + total, name);
    FileWriter writer(cache.path(name));
    writer.resize(headBytes + total);
    pack(program, recipes, pool,
         [&](uint64_t at, const void *data, size_t size) { writer.writeAt(data, size, headBytes + at); });
    Head head;
    head.key = key;
    head.size = total;
    writer.writeAt(&head, sizeof head, 0);
    writer.commit();
  } catch (const Error &e) { // only of files: recipes are checked when they are bound
    notes.push_back(concat("packed weights are not cached: ", e.what()));
    return false;
  }
  return mapCached(cache.path(name), key);
}

PackedWeights::PackedWeights(const ProgramT &program, const WeightSource &source, bool useCache, ThreadPool &pool,
                             MemoryBudget &budget, std::vector<std::string> &notes) {
  layOut(program);
  std::optional<DiskCache> cache;
  if (useCache) {
    Result<DiskCache> opened = capture([] { return DiskCache(); });
    if (opened)
      cache = *opened;
    else
      notes.push_back(concat("packed weights are not cached: ", opened.error()));
  }
  uint64_t identity = source.checkpoint ? source.checkpoint->identity() : hashText("random", source.seed);
  uint64_t key = hashText("key", hashRecipes(program) ^ identity);
  std::string name = hexadecimal(key) + ".pack";
  // Mapped weights need the memory as much as others, or every token would read the disk.
  budget.check(total, purpose);
  if (cache && mapCached(cache->path(name), key)) {
    cache->touch(name);
    load(budget);
    return;
  }
  std::vector<Recipe> recipes;
  for (auto &param : program.params)
    recipes.emplace_back(*param, source);
  if (cache && packIntoCache(program, recipes, *cache, key, pool, notes)) {
    load(budget);
    return;
  }
  memory = Block(budget, purpose);
  memory.reserve(total);
  base = memory.data();
  MemorySpace &space = budget.space();
  std::mutex oneWriter;
  pack(program, recipes, pool, [&](uint64_t at, const void *data, size_t size) {
    if (space.isHost())
      return space.write(base + at, data, size);
    std::lock_guard lock(oneWriter);
    space.write(base + at, data, size);
  });
}

void PackedWeights::load(MemoryBudget &budget) {
  std::span<const std::byte> image = file->bytes().subspan(headBytes);
  if (budget.space().isHost()) {
    budget.take(total, purpose);
    base = const_cast<std::byte *>(image.data()); // mapped read-only
    return;
  }
  memory = Block(budget, purpose);
  memory.reserve(total);
  base = memory.data();
  budget.space().write(base, image.data(), total);
  file.reset();
}
