// SentencePiece's .model files. Its library encodes; decoding is written here, since it has to work token by token.
#include "lib/Artifact/Result.h"
#include "runtime/text/AddedTokens.h"
#include "runtime/text/Bpe.h"
#include "runtime/text/Charsmap.h"
#include "runtime/text/Formats.h"
#include "runtime/text/ModelProto.h"
#include "runtime/text/Utf8.h"
#include <algorithm>
#include <mutex>
#include <sentencepiece_processor.h>

using namespace hybridrt;

constexpr std::string_view spaceMark = "\xe2\x96\x81";

namespace {
/// Byte-pair encoding models without replacements, as Llama 2's and Mistral's, encoded by our own code, which gives
/// what the library gives several times as fast.
class FastEncoder {
public:
  /// Null for models that this does not cover.
  static std::unique_ptr<FastEncoder> make(const ModelProto &proto, const std::string &where);
  void encode(std::string_view text, std::vector<int32_t> &to);

private:
  bool addDummyPrefix = true;
  /// Pieces that are taken whole wherever they stand.
  AddedTokens userDefined;
  std::unique_ptr<Bpe> model;
  std::string normal;
};

class SentencePiece : public Tokenizer {
public:
  SentencePiece(ModelProto given, std::string_view bytes, const std::string &file, SurroundingTokens around)
      : proto(std::move(given)), around(around) {
    auto status = processor.LoadFromSerializedProto({bytes.data(), bytes.size()});
    if (!status.ok())
      fail("'", file, "': cannot read the SentencePiece model: ", status.ToString());
    fast = FastEncoder::make(proto, "'" + file + "'");
    for (size_t id = 0; id < proto.pieces.size(); ++id)
      if (proto.pieces[id].kind == ModelProto::control) {
        AddedToken token;
        token.content = token.pattern = proto.pieces[id].text;
        token.id = int32_t(id);
        token.special = true;
        control.add(std::move(token));
      }
    control.build();
  }

  std::vector<int32_t> encode(std::string_view text, const EncodeOptions &options) const override {
    std::lock_guard lock(mutex);
    std::vector<int32_t> tokens;
    if (options.addSpecial && around.begin && processor.bos_id() >= 0)
      tokens.push_back(processor.bos_id());
    for (const AddedTokens::Part &part : control.split(text, /*normalized=*/false, options.parseSpecial)) {
      if (part.token)
        tokens.push_back(part.token->id);
      else if (fast)
        fast->encode(part.text, tokens);
      else
        encodeByLibrary(part.text, tokens);
    }
    if (options.addSpecial && around.end && processor.eos_id() >= 0)
      tokens.push_back(processor.eos_id());
    return tokens;
  }

  std::vector<TextPart> splitSpecial(std::string_view text) const override {
    std::vector<TextPart> result;
    for (const AddedTokens::Part &part : control.split(text, /*normalized=*/false, /*parseSpecial=*/true))
      result.push_back({std::string(part.text), part.token ? part.token->id : -1});
    return result;
  }
  std::unique_ptr<StreamDecoder> stream(bool skipSpecial) const override;
  int32_t end() const override { return int32_t(proto.pieces.size()); }
  std::optional<int32_t> find(std::string_view token) const override {
    for (size_t id = 0; id < proto.pieces.size(); ++id)
      if (proto.pieces[id].text == token)
        return int32_t(id);
    return std::nullopt;
  }
  std::optional<std::string> name(int32_t token) const override {
    if (token < 0 || token >= end())
      return std::nullopt;
    return proto.pieces[token].text;
  }

private:
  class Stream;
  void encodeByLibrary(std::string_view text, std::vector<int32_t> &to) const {
    std::vector<int> ids;
    auto status = processor.Encode({text.data(), text.size()}, &ids);
    if (!status.ok())
      fail("SentencePiece cannot encode the text: ", status.ToString());
    to.insert(to.end(), ids.begin(), ids.end());
  }

  ModelProto proto;
  SurroundingTokens around;
  AddedTokens control;
  std::unique_ptr<FastEncoder> fast;
  sentencepiece::SentencePieceProcessor processor;
  mutable std::mutex mutex;
};

std::unique_ptr<FastEncoder> FastEncoder::make(const ModelProto &proto, const std::string &where) {
  if (proto.type != ModelProto::bpe || !proto.charsmap.empty() || proto.removeExtraWhitespaces ||
      !proto.escapeWhitespaces)
    return nullptr;
  auto encoder = std::make_unique<FastEncoder>();
  encoder->addDummyPrefix = proto.addDummyPrefix;
  BpeOptions options;
  options.byteFallback = proto.byteFallback;
  options.fuseUnknown = true;
  Vocabulary vocabulary;
  std::vector<float> scores;
  for (size_t id = 0; id < proto.pieces.size(); ++id) {
    const ModelProto::Piece &piece = proto.pieces[id];
    switch (piece.kind) {
    case ModelProto::userDefined: {
      AddedToken token;
      token.content = token.pattern = piece.text;
      token.id = int32_t(id);
      encoder->userDefined.add(std::move(token));
      continue;
    }
    case ModelProto::unknown:
      options.unknown = piece.text;
      break;
    case ModelProto::unused: // the library cuts these anew
      return nullptr;
    case ModelProto::control:
      continue;
    case ModelProto::normal:
      scores.push_back(piece.score);
      break;
    case ModelProto::byte:
      break;
    }
    if (vocabulary.find(piece.text))
      return nullptr;
    vocabulary.add(piece.text, int64_t(id), where);
  }
  // Equal scores are equal ranks.
  std::sort(scores.begin(), scores.end(), std::greater<>());
  std::vector<uint32_t> ranks(proto.pieces.size());
  for (size_t id = 0; id < proto.pieces.size(); ++id) {
    const ModelProto::Piece &piece = proto.pieces[id];
    ranks[id] =
        uint32_t(std::lower_bound(scores.begin(), scores.end(), piece.score, std::greater<>()) - scores.begin());
    // The library also merges characters that are no pieces by themselves.
    for (size_t at = 0; piece.kind == ModelProto::normal && at < piece.text.size();) {
      unsigned size = characterAt(piece.text.data() + at).size;
      if (!vocabulary.find(piece.text.substr(at, size)))
        return nullptr;
      at += size;
    }
  }
  std::vector<BpeMerge> merges = findAllMerges(vocabulary, ranks, /*ofBytes=*/false, where);
  // What only looks like a piece: bytes and unknown characters have no merges.
  std::erase_if(merges, [&](const BpeMerge &merge) {
    return proto.pieces[merge.left].kind != ModelProto::normal ||
           proto.pieces[merge.right].kind != ModelProto::normal || proto.pieces[merge.whole].kind != ModelProto::normal;
  });
  encoder->userDefined.build();
  encoder->model = std::make_unique<Bpe>(std::move(vocabulary), merges, options);
  return encoder;
}

void FastEncoder::encode(std::string_view text, std::vector<int32_t> &to) {
  if (text.empty())
    return;
  normal.clear();
  if (addDummyPrefix)
    normal += spaceMark;
  for (size_t at = 0; at < text.size();) {
    if (text[at] == ' ') {
      normal += spaceMark;
      ++at;
      continue;
    }
    // To the library every byte that is part of no character is one broken character.
    Utf8Step step = stepUtf8(text.substr(at));
    bool valid = step.kind == Utf8Step::valid;
    normal += valid ? text.substr(at, step.size) : "\xef\xbf\xbd";
    at += valid ? step.size : 1;
  }
  for (const AddedTokens::Part &part : userDefined.split(normal, /*normalized=*/false, /*parseSpecial=*/true)) {
    if (part.token)
      to.push_back(part.token->id);
    else
      model->encode(part.text, to);
  }
}

/// Follows SentencePieceProcessor::Decode.
class SentencePiece::Stream : public StreamDecoder {
public:
  explicit Stream(const ModelProto &proto) : proto(proto) {}

  std::string push(int32_t id) override {
    if (id < 0 || size_t(id) >= proto.pieces.size())
      return "";
    const ModelProto::Piece &piece = proto.pieces[id];
    std::string text;
    if (piece.kind == ModelProto::byte) {
      held += char(std::stoi(piece.text.substr(3, 2), nullptr, 16));
      release(text, /*all=*/false);
    } else {
      release(text, /*all=*/true);
      append(text, piece);
    }
    empty &= text.empty();
    return text;
  }
  std::string finish() override {
    std::string text;
    release(text, /*all=*/true);
    return text;
  }

private:
  void append(std::string &text, const ModelProto::Piece &piece) {
    if (spaceSeen || !empty || !text.empty())
      atBegin = false;
    spaceSeen = false;
    if (piece.kind == ModelProto::control)
      return;
    if (piece.kind == ModelProto::unknown) {
      text += proto.unknownSurface;
      return;
    }
    std::string_view rest = piece.text;
    if (atBegin && (proto.addDummyPrefix || proto.removeExtraWhitespaces)) {
      bool marked = rest.starts_with(spaceMark);
      rest.remove_prefix(marked ? spaceMark.size() : 0);
      // All leading space goes if that was removed in encoding as well.
      spaceSeen = marked && !proto.removeExtraWhitespaces;
    }
    for (size_t at = rest.find(spaceMark); at != rest.npos; at = rest.find(spaceMark)) {
      text += rest.substr(0, at);
      text += ' ';
      rest.remove_prefix(at + spaceMark.size());
    }
    text += rest;
  }

  /// Characters out of byte tokens; every byte that is part of none is a U+FFFD.
  void release(std::string &text, bool all) {
    std::string_view rest = held;
    while (!rest.empty()) {
      Utf8Step step = stepUtf8(rest);
      if (step.kind == Utf8Step::incomplete && !all)
        break;
      bool valid = step.kind == Utf8Step::valid;
      text += valid ? rest.substr(0, step.size) : "\xef\xbf\xbd";
      rest.remove_prefix(valid ? step.size : 1);
    }
    held = std::string(rest);
  }

  const ModelProto &proto;
  std::string held;
  bool atBegin = true, spaceSeen = false, empty = true;
};
} // namespace

std::unique_ptr<StreamDecoder> SentencePiece::stream(bool) const { return std::make_unique<Stream>(proto); }

std::unique_ptr<Tokenizer> hybridrt::readSentencePiece(std::string_view bytes, const std::string &file,
                                                       SurroundingTokens around) {
  ModelProto proto = readModelProto(bytes, "'" + file + "'");
  // The library follows this table without a look at its bounds.
  if (!Charsmap(proto.charsmap, "'" + file + "'").isStrict())
    fail("'", file, "': the table of replacements leads outside itself");
  return std::make_unique<SentencePiece>(std::move(proto), bytes, file, around);
}
