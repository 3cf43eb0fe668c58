// From what the user names to an artifact: given as it is, or compiled by the hybridc beside this program and
// cached.
#ifndef HYBRID_RUN_PREPARE_H
#define HYBRID_RUN_PREPARE_H
#include "lib/Artifact/File.h"
#include "tools/hybrid-run/Options.h"

struct Prepared {
  std::string artifact;
  /// Empty with random weights.
  std::string weights;
  /// Removed with this object if nothing else keeps it.
  bool temporary = false;
  hybridrt::TemporaryName name;

  Prepared() = default;
  Prepared(const Prepared &) = delete;
  Prepared(Prepared &&other) noexcept;
  ~Prepared();
};

Prepared prepare(const Options &options);

#endif
