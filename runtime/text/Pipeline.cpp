#include "runtime/text/Pipeline.h"
#include "runtime/text/Utf8.h"
#include <algorithm>

using namespace hybridrt;

void Pipeline::encodeText(std::string_view text, bool first, std::vector<int32_t> &to) const {
  Pieces pieces;
  pieces.list.push_back({text, first});
  for (const auto &preTokenizer : parts.preTokenizers)
    preTokenizer->apply(pieces);
  for (const Pieces::Piece &piece : pieces.list)
    if (!piece.text.empty())
      parts.model->encode(piece.text, to);
}

std::vector<int32_t> Pipeline::encode(std::string_view text, const EncodeOptions &options) const {
  std::lock_guard lock(mutex);
  std::string repaired, normal;
  text = repairUtf8(text, repaired);
  std::vector<int32_t> tokens;
  for (const AddedTokens::Part &part : parts.added.split(text, /*normalized=*/false, options.parseSpecial)) {
    if (part.token) {
      tokens.push_back(part.token->id);
      continue;
    }
    std::string_view rest = part.text;
    if (!parts.normalizers.empty()) {
      normal = rest;
      for (const auto &normalizer : parts.normalizers)
        normalizer->apply(normal);
      rest = normal;
    }
    bool atBegin = options.atBegin && part.text.data() == text.data();
    for (const AddedTokens::Part &inner : parts.added.split(rest, /*normalized=*/true, options.parseSpecial)) {
      if (inner.token)
        tokens.push_back(inner.token->id);
      else if (!inner.text.empty())
        encodeText(inner.text, atBegin && inner.text.data() == rest.data(), tokens);
    }
  }
  if (!options.addSpecial || parts.around == Template{std::nullopt})
    return tokens;
  std::vector<int32_t> result;
  for (std::optional<int32_t> token : parts.around) {
    if (token)
      result.push_back(*token);
    else
      result.insert(result.end(), tokens.begin(), tokens.end());
  }
  return result;
}

std::vector<TextPart> Pipeline::splitSpecial(std::string_view text) const {
  std::vector<TextPart> result;
  for (const AddedTokens::Part &part : parts.added.split(text, /*normalized=*/false, /*parseSpecial=*/true)) {
    bool special = part.token && part.token->special;
    result.push_back({std::string(part.text), special ? part.token->id : -1});
  }
  return result;
}

class Pipeline::Stream : public StreamDecoder {
public:
  Stream(const Pipeline &pipeline, bool skipSpecial)
      : parts(pipeline.parts), skipSpecial(skipSpecial), chain(parts.decoder.start()) {}

  std::string push(int32_t id) override {
    const AddedToken *added = parts.added.find(id);
    // A token that normalization changes is decoded from what it becomes.
    const std::string *text =
        added ? (added->normalized ? &added->pattern : &added->content) : parts.model->tokens().token(id);
    if (!text || (skipSpecial && parts.added.isSpecial(*text)))
      return "";
    return chain->push(*text);
  }
  std::string finish() override { return chain->finish(); }

private:
  const Parts &parts;
  bool skipSpecial;
  std::unique_ptr<DecodeChain> chain;
};

std::unique_ptr<StreamDecoder> Pipeline::stream(bool skipSpecial) const {
  return std::make_unique<Stream>(*this, skipSpecial);
}

int32_t Pipeline::end() const {
  int32_t end = parts.model->tokens().end();
  return parts.added.all().empty() ? end : std::max(end, parts.added.all().rbegin()->first + 1);
}

std::optional<int32_t> Pipeline::find(std::string_view token) const {
  for (const auto &[id, added] : parts.added.all())
    if (added.content == token)
      return id;
  return parts.model->tokens().find(token);
}

std::optional<std::string> Pipeline::name(int32_t token) const {
  if (const AddedToken *added = parts.added.find(token))
    return added->content;
  const std::string *text = parts.model->tokens().token(token);
  return text ? std::optional(*text) : std::nullopt;
}
