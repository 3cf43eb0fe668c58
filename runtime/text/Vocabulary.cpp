#include "runtime/text/Vocabulary.h"
#include "lib/Artifact/Result.h"

using namespace hybridrt;

void Vocabulary::add(std::string token, int64_t id, const std::string &where) {
  if (id < 0 || id > largestId)
    fail(where, ": expected token numbers from 0 to ", largestId, ", got ", id, " for '", token, "'");
  storage.push_back(std::move(token));
  ids[storage.back()] = int32_t(id);
  if (size_t(id) >= byId.size())
    byId.resize(id + 1);
  byId[id] = &storage.back();
}
