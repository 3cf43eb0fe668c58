#include "tools/hybrid-run/Prepare.h"
#include "lib/Artifact/Checkpoint.h"
#include "lib/Artifact/Hash.h"
#include "runtime/include/hybrid_runtime.h"
#include "runtime/weights/DiskCache.h"
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

using namespace hybridrt;
namespace fs = std::filesystem;
extern char **environ;

Prepared::Prepared(Prepared &&other) noexcept
    : artifact(std::move(other.artifact)), weights(std::move(other.weights)),
      temporary(std::exchange(other.temporary, false)), name(std::move(other.name)) {}

Prepared::~Prepared() {
  if (temporary)
    unlink(artifact.c_str());
}

static fs::path findCompiler() {
  std::error_code error;
  fs::path compiler = fs::read_symlink("/proc/self/exe", error).parent_path() / "hybridc";
  if (error || !fs::exists(compiler, error))
    fail("no compiler at '", compiler.string(),
         "'; compile the model with hybridc on another machine and pass the .hyb file");
  return compiler;
}

static void compile(const fs::path &compiler, const Options &options, const std::string &target,
                    const std::string &output) {
  std::vector<std::string> words = {compiler.string(), options.model, "-o", output, "--targets=" + target};
  if (!options.dtype.empty())
    words.push_back("--dtype=" + options.dtype);
  std::vector<char *> arguments;
  for (std::string &word : words)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child;
  if (int error = posix_spawn(&child, arguments[0], nullptr, nullptr, arguments.data(), environ))
    fail("cannot run '", words[0], "': ", std::strerror(error));
  int status;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    fail("cannot compile '", options.model, "': hybridc failed");
}

/// Names content without reading it.
static uint64_t stamp(const fs::path &path, uint64_t hash) {
  std::error_code error;
  auto time = fs::last_write_time(path, error).time_since_epoch().count();
  return error ? hash : hashText(concat(fs::canonical(path).string(), "/", fs::file_size(path), "/", time), hash);
}

static uint64_t contentHash(const fs::path &path, uint64_t hash) {
  std::error_code error;
  if (!fs::exists(path, error))
    return hash;
  MappedFile file = MappedFile::open(path.string()).get();
  return hashBytes(file.bytes().data(), file.bytes().size(), hash + 1);
}

static uint64_t compileKey(const Options &options, const fs::path &compiler, const std::string &target, bool folder) {
  uint64_t key = hashText(target, hashText(options.dtype));
  key = stamp(compiler, key);
  key = stamp(compiler.parent_path() / "../lib/libHybridCompiler.so", key);
  if (!folder)
    return contentHash(options.model, key);
  for (const char *name : {"config.json", "generation_config.json"})
    key = contentHash(fs::path(options.model) / name, key);
  // The mapping of parameters depends on the tensors that there are.
  return options.randomWeights ? key : key ^ Checkpoint::open(options.model).get().identity();
}

Prepared prepare(const Options &options) {
  Prepared result;
  std::error_code error;
  fs::path model(options.model);
  bool folder = fs::is_directory(model, error);
  if (!fs::exists(model, error))
    fail("no model at '", options.model,
         "': expected a Hugging Face folder, a description (.yaml) or an artifact (.hyb)");
  if (!options.randomWeights)
    result.weights = !options.weights.empty() ? options.weights : folder ? options.model : "";
  else if (!options.weights.empty())
    fail("expected --weights or --random-weights, got both");
  if (model.extension() == ".hyb") {
    if (result.weights.empty() && !options.randomWeights)
      fail("an artifact holds no weights: expected --weights FOLDER or --random-weights SEED");
    result.artifact = options.model;
    return result;
  }
  if (!folder && model.extension() != ".yaml" && model.extension() != ".yml")
    fail("'", options.model, "': expected a folder, a .yaml or a .hyb file");
  if (result.weights.empty() && !options.randomWeights)
    fail("a description holds no weights: expected --random-weights SEED or --weights FOLDER");

  const char *target;
  if (hybrid_device_target(options.device.c_str(), &target) != HYBRID_OK)
    throw Error(hybrid_last_error());
  fs::path compiler = findCompiler();
  if (options.noCache) {
    const char *chosen = std::getenv("TMPDIR");
    fs::path temporaries = chosen && *chosen ? chosen : "/tmp";
    std::string name = (temporaries / "hybrid-run-XXXXXX.hyb").string();
    int descriptor = mkstemps(name.data(), 4);
    if (descriptor < 0)
      fail("cannot make a temporary file for the artifact in '", temporaries.string(), "': ", std::strerror(errno));
    close(descriptor);
    result.artifact = name;
    result.temporary = true;
    result.name = TemporaryName(name);
    compile(compiler, options, target, result.artifact);
    return result;
  }
  DiskCache cache;
  std::string key = hexadecimal(compileKey(options, compiler, target, folder)), name = key + ".hyb";
  result.artifact = cache.path(name);
  if (!fs::exists(result.artifact, error)) {
    DiskCache::Lock lock(cache, key);
    if (!fs::exists(result.artifact, error)) {
      cache.evict(0, name);
      compile(compiler, options, target, result.artifact); // which renames its output into place
    }
  }
  cache.touch(name);
  return result;
}
