#include "lib/Artifact/Checkpoint.h"
#include "lib/Artifact/Hash.h"
#include "lib/Artifact/Json.h"
#include <filesystem>
#include <nlohmann/json.hpp>

using namespace hybridrt;
namespace fs = std::filesystem;

void Checkpoint::addFile(const std::string &path) {
  auto [it, added] = files.emplace(path, Safetensors::open(path).get());
  for (auto &[name, view] : it->second.tensors())
    if (auto [other, isNew] = index.emplace(name, &view); !isNew)
      fail("tensor '", name, "' is in '", path, "' and in another file of '", where, "'");
}

Result<Checkpoint> Checkpoint::open(const std::string &path) {
  return capture([&] {
    Checkpoint result;
    result.where = path;
    std::error_code ignored;
    if (!fs::exists(path, ignored))
      fail("no weights at '", path, "': there is no such file or folder");
    if (!fs::is_directory(path, ignored)) {
      result.addFile(path);
      return result;
    }
    fs::path folder(path), index = folder / "model.safetensors.index.json";
    if (!fs::exists(index, ignored)) {
      if (!fs::exists(folder / "model.safetensors", ignored))
        fail("no weights in '", path, "': expected model.safetensors or model.safetensors.index.json");
      result.addFile((folder / "model.safetensors").string());
      return result;
    }
    MappedFile text = MappedFile::open(index.string()).get();
    nlohmann::json json =
        parseJson({reinterpret_cast<const char *>(text.bytes().data()), text.bytes().size()}, index.string(), 64 << 20);
    if (!json.is_object() || !json.contains("weight_map") || !json["weight_map"].is_object())
      fail("'", index.string(), "': expected an object 'weight_map' from tensors to files");
    for (auto &[tensor, file] : json["weight_map"].items()) {
      // A shard lies in the folder itself; anything else would let an index point anywhere.
      if (!file.is_string() || fs::path(file.get<std::string>()).filename() != file.get<std::string>())
        fail("'", index.string(), "': tensor '", tensor, "': expected the name of a file in the same folder, found ",
             file.dump());
      std::string shard = (folder / file.get<std::string>()).string();
      if (!result.files.count(shard))
        result.addFile(shard);
      if (!result.files.at(shard).find(tensor))
        fail("'", index.string(), "' places tensor '", tensor, "' in '", shard, "', which does not hold it");
    }
    if (result.files.empty())
      fail("'", index.string(), "' names no file");
    return result;
  });
}

const TensorView *Checkpoint::find(const std::string &name) const {
  auto it = index.find(name);
  return it == index.end() ? nullptr : it->second;
}

const std::string &Checkpoint::fileOf(const std::string &name) const {
  for (auto &[path, file] : files)
    if (file.find(name))
      return path;
  return where;
}

uint64_t Checkpoint::identity() const {
  uint64_t hash = 0;
  for (auto &[path, file] : files)
    hash = hashText(fs::absolute(path).string(), hash + file.identity());
  return hash;
}
