#include "hybrid/Driver/Cache.h"
#include "lib/Artifact/CacheFolder.h"
#include "lib/Artifact/File.h"
#include "lib/Artifact/Hash.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include <dlfcn.h>
using namespace mlir;
using namespace mlir::hybrid;
namespace fs = llvm::sys::fs;

/// Artifacts beyond this many bytes push out those unused for longest.
constexpr uint64_t kCacheLimit = 1ull << 30;

/// Adds a file's identity to the key: small texts by content, checkpoints by their header, size and time.
static void addFile(std::string &key, StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return;
  fs::file_status status;
  if (!fs::status(path, status))
    key += path.str() + std::to_string(status.getSize());
  StringRef text = (*buffer)->getBuffer();
  if (path.ends_with(".safetensors"))
    key += std::to_string(status.getLastModificationTime().time_since_epoch().count()) + text.take_front(1 << 16).str();
  else
    key += text.str();
}

static std::string keyOf(const CompileOptions &options) {
  std::string key = "hybridc " HYBRID_VERSION;
  // This library's own identity: a rebuilt compiler is another compiler.
  Dl_info self;
  fs::file_status status;
  if (dladdr(reinterpret_cast<void *>(&keyOf), &self) && !fs::status(self.dli_fname, status))
    key +=
        std::to_string(status.getSize()) + std::to_string(status.getLastModificationTime().time_since_epoch().count());
  for (const auto *list : {&options.targets, &options.entries, &options.cpuLevels, &options.variants}) {
    key += "|";
    for (const std::string &item : *list)
      key += item + ",";
  }
  key += "|" + options.dtype.value_or("") + (options.fuse ? "" : "|apart") + "|" + options.modelPasses + "|" +
         options.blockPasses;
  if (fs::is_directory(options.input)) {
    std::error_code error;
    std::vector<std::string> files;
    for (fs::directory_iterator it(options.input, error), end; it != end && !error; it.increment(error))
      if (StringRef path = it->path(); path.ends_with(".json") || path.ends_with(".safetensors"))
        files.push_back(path.str());
    llvm::sort(files);
    for (const std::string &file : files)
      addFile(key, file);
  } else {
    addFile(key, options.input);
  }
  return hybridrt::hexadecimal(hybridrt::hashText(key)) + hybridrt::hexadecimal(hybridrt::hashText(key, 1));
}

static llvm::Error toError(const hybridrt::Status &status) {
  return status ? llvm::Error::success() : llvm::createStringError(status.error());
}

llvm::Error hybrid::compileCached(MLIRContext &context, const CompileOptions &options, StringRef path, bool useCache) {
  std::string folder = useCache ? hybridrt::cacheFolder() : "", cached;
  if (!folder.empty()) {
    folder += "/compiled";
    cached = folder + "/" + keyOf(options) + ".hyb";
    if (hybridrt::Result<hybridrt::MappedFile> found = hybridrt::MappedFile::open(cached)) {
      hybridrt::touchCached(cached);
      return toError(
          hybridrt::capture([&] { hybridrt::writeFile(path.str(), found->bytes().data(), found->bytes().size()); }));
    }
  }
  llvm::Expected<hybridrt::artifact::ArtifactT> artifact = compileToArtifact(context, options);
  if (!artifact)
    return artifact.takeError();
  // A cache that cannot be written costs time, not the result.
  if (!cached.empty() && !fs::create_directories(folder) && hybridrt::writeArtifact(*artifact, cached))
    hybridrt::evictUnused(folder, {".hyb"}, kCacheLimit);
  return toError(hybridrt::writeArtifact(*artifact, path.str()));
}
