#include "runtime/text/Unigram.h"
#include "lib/Artifact/Result.h"
#include "runtime/text/Utf8.h"
#include <algorithm>
#include <limits>

using namespace hybridrt;

uint32_t Trie::findBase(const std::vector<unsigned char> &labels) {
  while (firstFree < nodes.size() && nodes[firstFree].parent != nobody)
    ++firstFree;
  // Within a block of 256 the places of one node's children only differ in their low bits.
  size_t tries = 0;
  for (uint32_t place = firstFree;; ++place) {
    if (place + 256 >= nodes.size())
      nodes.resize(nodes.size() * 2 + 512);
    if (nodes[place].parent != nobody)
      continue;
    uint32_t base = place ^ labels[0];
    bool fits = std::all_of(labels.begin(), labels.end(), [&](unsigned char label) {
      return (base ^ label) != 0 && nodes[base ^ label].parent == nobody;
    });
    if (fits)
      return base;
    // Nearly full regions would be searched again and again.
    if (++tries == 256)
      firstFree = place;
  }
}

void Trie::build(const Vocabulary &vocabulary) {
  std::vector<std::pair<std::string_view, int32_t>> sorted;
  for (int32_t id = 0; id < vocabulary.end(); ++id)
    if (const std::string *token = vocabulary.token(id); token && !token->empty() && vocabulary.find(*token) == id)
      sorted.push_back({*token, id});
  std::sort(sorted.begin(), sorted.end());
  nodes.assign(1024, {});
  nodes[0].parent = root; // taken, and nobody's child
  struct Range {
    size_t begin, end, depth;
    uint32_t node;
  };
  std::vector<Range> open = {{0, sorted.size(), 0, 0}};
  std::vector<unsigned char> labels;
  while (!open.empty()) {
    Range range = open.back();
    open.pop_back();
    labels.clear();
    std::vector<size_t> starts;
    for (size_t i = range.begin; i < range.end; ++i) {
      auto label = static_cast<unsigned char>(sorted[i].first[range.depth]);
      if (labels.empty() || labels.back() != label) {
        labels.push_back(label);
        starts.push_back(i);
      }
    }
    if (labels.empty())
      continue;
    starts.push_back(range.end);
    uint32_t base = findBase(labels);
    nodes[range.node].base = base;
    for (size_t k = 0; k < labels.size(); ++k) {
      uint32_t child = base ^ labels[k];
      nodes[child].parent = range.node;
      size_t begin = starts[k];
      if (sorted[begin].first.size() == range.depth + 1)
        nodes[child].token = sorted[begin++].second;
      open.push_back({begin, starts[k + 1], range.depth + 1, child});
    }
  }
  // A base of any node and any byte stay inside.
  size_t largest = 0;
  for (const Node &node : nodes)
    largest = std::max<size_t>(largest, node.base | 255);
  nodes.resize(std::max(nodes.size(), largest + 1));
}

Unigram::Unigram(Vocabulary vocabulary, std::vector<double> scores, std::optional<int32_t> unknown, bool byteFallback)
    : WordModel(std::move(vocabulary)), scores(std::move(scores)), unknown(unknown), byteFallback(byteFallback) {
  constexpr double unknownPenalty = 10;
  double least = std::numeric_limits<double>::infinity();
  for (double score : this->scores)
    least = std::min(least, score);
  unknownScore = least - unknownPenalty;
  trie.build(tokens());
}

void Unigram::findBest(std::string_view word) {
  steps.assign(word.size() + 1, {});
  for (size_t at = 0; at < word.size();) {
    double here = steps[at].score;
    unsigned size = characterAt(word.data() + at).size;
    bool single = false;
    auto offer = [&](size_t length, int32_t token, double score) {
      Step &step = steps[at + length];
      if (step.token < 0 || here + score > step.score)
        step = {here + score, at, token};
    };
    trie.prefixes(word.substr(at), [&](size_t length, int32_t token) {
      offer(length, token, scores[token]);
      single |= length == size;
    });
    if (!single) {
      if (!unknown)
        fail("the text has a character that is no token, and the tokenizer has no token for such");
      offer(size, *unknown, unknownScore);
    }
    at += size;
  }
}

void Unigram::emit(std::string_view piece, std::vector<int32_t> &to) const {
  if (std::optional<int32_t> token = tokens().find(piece))
    return to.push_back(*token);
  if (byteFallback) {
    size_t before = to.size();
    for (char c : piece) {
      std::optional<int32_t> token = tokens().find(byteToken(static_cast<unsigned char>(c)));
      if (!token) {
        to.resize(before);
        break;
      }
      to.push_back(*token);
    }
    if (to.size() > before)
      return;
  }
  if (!unknown)
    fail("the text has a character that is no token, and the tokenizer has no token for such");
  to.push_back(*unknown);
}

void Unigram::encode(std::string_view word, std::vector<int32_t> &to) {
  bool cached = word.size() <= WordCache::longestWord;
  uint64_t hash = cached ? hashWord(word) : 0;
  if (cached && cache.find(word, hash, to))
    return;
  findBest(word);
  // From the end to the beginning; neighbouring unknown characters are one piece.
  std::vector<std::pair<size_t, size_t>> pieces;
  bool joinable = false;
  for (size_t end = word.size(); end > 0;) {
    const Step &step = steps[end];
    bool isUnknown = unknown && step.token == *unknown;
    if (isUnknown && joinable)
      pieces.back().first = step.from;
    else
      pieces.push_back({step.from, end});
    joinable = isUnknown;
    end = step.from;
  }
  size_t before = to.size();
  for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece)
    emit(word.substr(piece->first, piece->second - piece->first), to);
  if (cached)
    cache.insert(word, hash, {to.data() + before, to.size() - before});
}
