// What of a SentencePiece model (a protocol buffer) has to be known beside its library, which gives out less.
#ifndef HYBRID_RUNTIME_TEXT_MODELPROTO_H
#define HYBRID_RUNTIME_TEXT_MODELPROTO_H
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hybridrt {

struct ModelProto {
  enum Kind { normal = 1, unknown, control, userDefined, unused, byte };
  struct Piece {
    std::string text;
    float score = 0;
    Kind kind = normal;
  };
  std::vector<Piece> pieces;
  enum Type { unigram = 1, bpe, word, character } type = unigram;
  std::string unknownSurface = " \xe2\x81\x87 ";
  std::string charsmap;
  bool addDummyPrefix = true, removeExtraWhitespaces = true, escapeWhitespaces = true, spaceAsSuffix = false;
  bool byteFallback = false;
};

/// An Error that begins with `where` if the bytes are no such model, or one that cannot be decoded token by token.
ModelProto readModelProto(std::string_view bytes, const std::string &where);

} // namespace hybridrt
#endif
