#include "runtime/text/ModelProto.h"
#include "lib/Artifact/Result.h"
#include "runtime/text/Utf8.h"
#include <cctype>
#include <cstring>

using namespace hybridrt;

namespace {
/// Fields of a protocol buffer, one after another.
class Fields {
public:
  Fields(std::string_view bytes, const std::string &where) : bytes(bytes), where(where) {}

  bool next() {
    if (bytes.empty())
      return false;
    uint64_t key = readVarint();
    number = key >> 3;
    text = {};
    value = 0;
    switch (key & 7) {
    case 0:
      value = readVarint();
      break;
    case 1:
      text = take(8);
      break;
    case 2:
      text = take(readVarint());
      break;
    case 5:
      text = take(4);
      break;
    default:
      reject();
    }
    return true;
  }

  uint64_t number = 0, value = 0;
  std::string_view text;

  float real() const {
    float result = 0;
    if (text.size() != sizeof result)
      reject();
    std::memcpy(&result, text.data(), sizeof result);
    return result;
  }

private:
  [[noreturn]] void reject() const {
    fail(where, ": expected a SentencePiece model, found bytes that are no protocol buffer of one");
  }
  uint64_t readVarint() {
    uint64_t result = 0;
    for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
      auto byte = static_cast<unsigned char>(bytes.front());
      bytes.remove_prefix(1);
      result |= uint64_t(byte & 0x7f) << shift;
      if (byte < 0x80)
        return result;
    }
    reject();
  }
  std::string_view take(uint64_t size) {
    if (size > bytes.size())
      reject();
    std::string_view part = bytes.substr(0, size);
    bytes.remove_prefix(size);
    return part;
  }

  std::string_view bytes;
  const std::string &where;
};
} // namespace

static bool isByteToken(const std::string &text) {
  return text.size() == 6 && text.starts_with("<0x") && text.ends_with('>') &&
         std::isxdigit(static_cast<unsigned char>(text[3])) && std::isxdigit(static_cast<unsigned char>(text[4]));
}

static ModelProto::Piece readPiece(std::string_view bytes, const std::string &where) {
  ModelProto::Piece piece;
  for (Fields fields(bytes, where); fields.next();) {
    if (fields.number == 1)
      piece.text = fields.text;
    else if (fields.number == 2)
      piece.score = fields.real();
    else if (fields.number == 3 && fields.value >= ModelProto::normal && fields.value <= ModelProto::byte)
      piece.kind = ModelProto::Kind(fields.value);
    else if (fields.number == 3)
      fail(where, ": pieces of kind ", fields.value, " are not supported");
  }
  std::string storage;
  if (piece.text.empty() || repairUtf8(piece.text, storage).data() != piece.text.data())
    fail(where, ": expected pieces of valid UTF-8 that are not empty");
  if (piece.kind == ModelProto::byte && !isByteToken(piece.text))
    fail(where, ": expected a byte's piece to be called such as <0x0A>, found '", piece.text, "'");
  return piece;
}

static void readTrainer(ModelProto &proto, std::string_view bytes, const std::string &where) {
  for (Fields fields(bytes, where); fields.next();) {
    if (fields.number == 3 && fields.value >= ModelProto::unigram && fields.value <= ModelProto::character)
      proto.type = ModelProto::Type(fields.value);
    else if (fields.number == 24)
      proto.spaceAsSuffix = fields.value;
    else if (fields.number == 35)
      proto.byteFallback = fields.value;
    else if (fields.number == 44)
      proto.unknownSurface = fields.text;
  }
}

static void readNormalizer(ModelProto &proto, std::string_view bytes, const std::string &where) {
  for (Fields fields(bytes, where); fields.next();) {
    if (fields.number == 2)
      proto.charsmap = fields.text;
    else if (fields.number == 3)
      proto.addDummyPrefix = fields.value;
    else if (fields.number == 4)
      proto.removeExtraWhitespaces = fields.value;
    else if (fields.number == 5)
      proto.escapeWhitespaces = fields.value;
  }
}

ModelProto hybridrt::readModelProto(std::string_view bytes, const std::string &where) {
  ModelProto proto;
  for (Fields fields(bytes, where); fields.next();) {
    if (fields.number == 1)
      proto.pieces.push_back(readPiece(fields.text, where));
    else if (fields.number == 2)
      readTrainer(proto, fields.text, where);
    else if (fields.number == 3)
      readNormalizer(proto, fields.text, where);
    else if (fields.number == 5)
      for (Fields inner(fields.text, where); inner.next();)
        if (inner.number == 2 && !inner.text.empty())
          fail(where, ": a table of replacements for decoding is not supported");
  }
  if (proto.pieces.empty())
    fail(where, ": expected a SentencePiece model, found no pieces");
  if (proto.spaceAsSuffix)
    fail(where, ": spaces as suffixes are not supported");
  return proto;
}
