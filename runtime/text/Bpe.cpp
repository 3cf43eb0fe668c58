#include "runtime/text/Bpe.h"
#include "lib/Artifact/Result.h"
#include "runtime/text/Utf8.h"
#include <algorithm>
#include <bit>
#include <numeric>
#include <queue>

using namespace hybridrt;

MergeTable::MergeTable(size_t count) : slots(std::bit_ceil(2 * count + 2)), mask(slots.size() - 1) {}

void MergeTable::add(int32_t left, int32_t right, Merge merge) {
  uint64_t key = keyOf(left, right);
  size_t slot = slotOf(key);
  while (slots[slot].key != key && slots[slot].key != empty)
    slot = (slot + 1) & mask;
  slots[slot] = {key, merge};
}

std::string hybridrt::byteToken(unsigned char byte) {
  constexpr char digits[] = "0123456789ABCDEF";
  return {'<', '0', 'x', digits[byte >> 4], digits[byte & 15], '>'};
}

Bpe::Bpe(Vocabulary vocabulary, BpeOptions options, const std::vector<BpeMerge> &list)
    : WordModel(std::move(vocabulary)), options(std::move(options)), merges(list.size()) {
  byteTokens.fill(-1);
  for (const BpeMerge &merge : list)
    merges.add(merge.left, merge.right, {merge.rank, merge.whole});
}

Bpe::Bpe(Vocabulary vocabulary, const std::vector<BpeMerge> &list, BpeOptions given)
    : Bpe(std::move(vocabulary), std::move(given), list) {
  if (options.unknown)
    unknown = tokens().find(*options.unknown).value_or(-1);
  for (int32_t id = 0; id < tokens().end(); ++id) {
    const std::string *token = tokens().token(id);
    if (!token || token->empty())
      continue;
    Character c = characterAt(token->data());
    if (c.size != token->size())
      continue;
    if (c.value >= characterTokens.size())
      characterTokens.resize(c.value + 1, -1);
    characterTokens[c.value] = *tokens().find(*token);
  }
  for (int byte = 0; byte < 256; ++byte)
    byteTokens[byte] = tokens().find(byteToken(static_cast<unsigned char>(byte))).value_or(-1);
  findJoints(list);
}

Bpe::Bpe(Vocabulary vocabulary, const std::vector<BpeMerge> &list, BpeOptions given, const ByteStrings &strings,
         const std::string &where)
    : Bpe(std::move(vocabulary), std::move(given), list) {
  ofBytes = true;
  for (const auto &[string, id] : strings) {
    if (string.size() == 1)
      byteTokens[static_cast<unsigned char>(string[0])] = id;
    if (options.wholeWords)
      wholeWords.add(string, id, where);
  }
}

std::unique_ptr<Bpe> Bpe::fromRanks(Vocabulary vocabulary, const std::string &where) {
  std::vector<uint32_t> ranks(vocabulary.end());
  std::iota(ranks.begin(), ranks.end(), 0);
  std::vector<BpeMerge> list = findAllMerges(vocabulary, ranks, /*ofBytes=*/true, where);
  BpeOptions options;
  options.wholeWords = true;
  std::unique_ptr<Bpe> bpe(new Bpe(std::move(vocabulary), options, list));
  bpe->ofBytes = true;
  for (int byte = 0; byte < 256; ++byte) {
    char text = char(byte);
    std::optional<int32_t> id = bpe->tokens().find({&text, 1});
    if (!id)
      fail(where, ": expected a token for the byte ", byte);
    bpe->byteTokens[byte] = *id;
  }
  return bpe;
}

std::vector<BpeMerge> hybridrt::findMerges(const Vocabulary &vocabulary,
                                           const std::vector<std::pair<std::string, std::string>> &pairs,
                                           const std::string &continuingPrefix, const std::string &where) {
  std::vector<BpeMerge> merges;
  merges.reserve(pairs.size());
  auto find = [&](const std::string &token, size_t rank) {
    std::optional<int32_t> id = vocabulary.find(token);
    if (!id)
      fail(where, ": merges[", rank, "]: expected '", token, "' in the vocabulary");
    return *id;
  };
  for (size_t rank = 0; rank < pairs.size(); ++rank) {
    const auto &[left, right] = pairs[rank];
    if (right.size() < continuingPrefix.size())
      fail(where, ": merges[", rank, "]: expected '", right, "' to begin with '", continuingPrefix, "'");
    int32_t whole = find(left + right.substr(continuingPrefix.size()), rank);
    merges.push_back({find(left, rank), find(right, rank), whole, uint32_t(rank)});
  }
  return merges;
}

std::vector<BpeMerge> hybridrt::findAllMerges(const Vocabulary &vocabulary, const std::vector<uint32_t> &ranks,
                                              bool ofBytes, const std::string &where) {
  constexpr size_t longest = 4096; // cuts are looked up one by one
  std::vector<BpeMerge> merges;
  for (int32_t id = 0; id < vocabulary.end(); ++id) {
    const std::string *token = vocabulary.token(id);
    if (!token)
      continue;
    std::string_view all = *token;
    if (all.size() > longest)
      fail(where, ": expected tokens of at most ", longest, " bytes, found one of ", all.size());
    for (size_t at = 1; at < all.size(); ++at) {
      if (!ofBytes && (static_cast<unsigned char>(all[at]) & 0xc0) == 0x80)
        continue;
      std::optional<int32_t> left = vocabulary.find(all.substr(0, at)), right;
      if (left && (right = vocabulary.find(all.substr(at))))
        merges.push_back({*left, *right, id, ranks[id]});
    }
  }
  return merges;
}

/// Collects which first tokens can ever be joined: a merge joins the last first token of its left part and the
/// first of its right part.
void Bpe::findJoints(const std::vector<BpeMerge> &list) {
  if (!options.continuingPrefix.empty() || !options.wordSuffix.empty() || options.wholeWords)
    return;
  canCut = true;
  auto tokenOf = [&](std::string_view character) {
    Character c = characterAt(character.data());
    return c.value < characterTokens.size() ? characterTokens[c.value] : -1;
  };
  // The text of a byte's token may stand for the byte or for its characters.
  auto byteIn = [&](std::string_view text) {
    if (!options.byteFallback || text.size() != 6 || !text.starts_with("<0x"))
      return -1;
    return tokens().find(text).value_or(-1);
  };
  MergeTable found(4 * list.size());
  for (const BpeMerge &merge : list) {
    std::string_view left = *tokens().token(merge.left), right = *tokens().token(merge.right);
    if (left.empty() || right.empty())
      continue;
    int32_t lefts[] = {tokenOf(left.substr(previousCharacter(left, left.size()))),
                       byteIn(left.size() < 6 ? left : left.substr(left.size() - 6))};
    int32_t rights[] = {tokenOf(right), byteIn(right.substr(0, 6))};
    for (int32_t l : lefts)
      for (int32_t r : rights)
        if (l >= 0 && r >= 0)
          found.add(l, r, {0, 0});
  }
  joints = std::move(found);
}

void Bpe::encode(std::string_view word, std::vector<int32_t> &to) {
  if (!canCut || word.size() <= WordCache::longestWord)
    return encodeCached(word, to);
  encodeLong(word, to);
}

/// Cuts a text where no merge can join what is left and right, and encodes the parts by themselves.
void Bpe::encodeLong(std::string_view text, std::vector<int32_t> &to) {
  auto byteOf = [&](char c) { return byteTokens[static_cast<unsigned char>(c)]; };
  size_t begin = 0;
  int32_t before = -1;  // -1: no cut after it
  bool pending = false; // an unknown token's place is not settled until a known character comes
  for (size_t at = 0; at < text.size();) {
    Character c = characterAt(text.data() + at);
    std::string_view bytes = text.substr(at, c.size);
    int32_t first = c.value < characterTokens.size() ? characterTokens[c.value] : -1, last = first;
    bool known = first >= 0;
    if (!known && options.byteFallback &&
        std::all_of(bytes.begin(), bytes.end(), [&](char b) { return byteOf(b) >= 0; }))
      first = byteOf(bytes.front()), last = byteOf(bytes.back());
    if (!pending && before >= 0 && first >= 0 && joints.find(before, first).rank == MergeTable::none) {
      encodeCached(text.substr(begin, at - begin), to);
      begin = at;
    }
    pending = known ? false : pending || first < 0;
    before = last;
    at += c.size;
  }
  encodeCached(text.substr(begin), to);
}

void Bpe::encodeCached(std::string_view word, std::vector<int32_t> &to) {
  bool cached = word.size() <= WordCache::longestWord;
  uint64_t hash = cached ? hashWord(word) : 0;
  if (cached && cache.find(word, hash, to))
    return;
  size_t before = to.size();
  std::optional<int32_t> whole;
  if (options.wholeWords)
    whole = (ofBytes && wholeWords.count() ? wholeWords : tokens()).find(word);
  if (whole) {
    to.push_back(*whole);
  } else {
    begin(word);
    constexpr size_t fewSymbols = 48;
    if (symbols.size() <= fewSymbols)
      mergeShort();
    else
      mergeLong();
    to.insert(to.end(), symbols.begin(), symbols.end());
  }
  if (cached)
    cache.insert(word, hash, {to.data() + before, to.size() - before});
}

/// Fills `symbols` with the word's first tokens.
void Bpe::begin(std::string_view word) {
  symbols.clear();
  if (ofBytes) {
    for (char c : word)
      if (int32_t token = byteTokens[static_cast<unsigned char>(c)]; token >= 0)
        symbols.push_back(token);
    return;
  }
  unknownPending = false;
  for (size_t at = 0; at < word.size();) {
    unsigned size = characterAt(word.data() + at).size;
    beginCharacter(word.substr(at, size), at == 0, at + size == word.size());
    at += size;
  }
  if (unknownPending)
    symbols.push_back(unknown);
}

void Bpe::beginCharacter(std::string_view character, bool first, bool last) {
  bool prefixed = !first && !options.continuingPrefix.empty(), suffixed = last && !options.wordSuffix.empty();
  std::string text;
  int32_t token = -1;
  if (prefixed || suffixed) {
    text = (prefixed ? options.continuingPrefix : "") + std::string(character) + (suffixed ? options.wordSuffix : "");
    token = tokens().find(text).value_or(-1);
    character = text;
  } else if (uint32_t c = characterAt(character.data()).value; c < characterTokens.size()) {
    token = characterTokens[c];
  }
  if (token >= 0) {
    if (unknownPending)
      symbols.push_back(unknown);
    unknownPending = false;
    symbols.push_back(token);
    return;
  }
  auto byteOf = [&](char c) { return byteTokens[static_cast<unsigned char>(c)]; };
  if (options.byteFallback && std::all_of(character.begin(), character.end(), [&](char c) { return byteOf(c) >= 0; })) {
    for (char c : character)
      symbols.push_back(byteOf(c));
    return;
  }
  if (unknown < 0)
    return;
  if (unknownPending && !options.fuseUnknown)
    symbols.push_back(unknown);
  unknownPending = true;
}

/// Merges by looking through all pairs each time, which is the fastest for words as they are.
void Bpe::mergeShort() {
  size_t count = symbols.size();
  next.resize(count);
  auto look = [&](size_t i) {
    next[i] = i + 1 < count ? merges.find(symbols[i], symbols[i + 1]) : MergeTable::Merge{MergeTable::none, -1};
  };
  for (size_t i = 0; i < count; ++i)
    look(i);
  for (;;) {
    size_t best = 0;
    for (size_t i = 1; i < count; ++i)
      if (next[i].rank < next[best].rank)
        best = i;
    if (count == 0 || next[best].rank == MergeTable::none)
      break;
    symbols[best] = next[best].token;
    std::move(symbols.begin() + best + 2, symbols.begin() + count, symbols.begin() + best + 1);
    std::move(next.begin() + best + 2, next.begin() + count, next.begin() + best + 1);
    --count;
    look(best);
    if (best > 0)
      look(best - 1);
  }
  symbols.resize(count);
}

/// Merges with a queue over a linked list, in O(n log n).
void Bpe::mergeLong() {
  struct Node {
    int32_t previous, next;
  };
  struct Candidate {
    uint32_t rank;
    int32_t at, left, right, token;
    bool operator<(const Candidate &other) const { return std::pair(rank, at) > std::pair(other.rank, other.at); }
  };
  constexpr size_t most = INT32_MAX;
  if (symbols.size() > most)
    fail("expected at most ", most, " characters in a piece of text, got ", symbols.size());
  auto count = int32_t(symbols.size());
  std::vector<Node> nodes(count);
  std::vector<Candidate> storage;
  storage.reserve(count);
  std::priority_queue<Candidate> queue(std::less<Candidate>(), std::move(storage));
  auto look = [&](int32_t left) {
    int32_t right = nodes[left].next;
    if (right >= count)
      return;
    MergeTable::Merge merge = merges.find(symbols[left], symbols[right]);
    if (merge.rank != MergeTable::none)
      queue.push({merge.rank, left, symbols[left], symbols[right], merge.token});
  };
  for (int32_t i = 0; i < count; ++i)
    nodes[i] = {i - 1, i + 1};
  for (int32_t i = 0; i < count; ++i)
    look(i);
  while (!queue.empty()) {
    Candidate best = queue.top();
    queue.pop();
    int32_t right = nodes[best.at].next;
    // Either of the two may have merged with another since.
    if (symbols[best.at] != best.left || right >= count || symbols[right] != best.right)
      continue;
    symbols[best.at] = best.token;
    symbols[right] = -1;
    nodes[best.at].next = nodes[right].next;
    if (nodes[right].next < count)
      nodes[nodes[right].next].previous = best.at;
    look(best.at);
    if (nodes[best.at].previous >= 0)
      look(nodes[best.at].previous);
  }
  std::erase(symbols, -1);
}
