#include "runtime/emulator/driver/Image.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Compression.h"
#include "llvm/Support/Error.h"
#include <algorithm>
#include <cstring>

using namespace hybridrt;
using namespace hybridrt::driver;

namespace {
constexpr uint32_t wrapperMagic = 0x466243b1, fatbinMagic = 0xba55ed50, elfMagic = 0x464c457f;
constexpr uint64_t mostBytes = uint64_t(1) << 30;

/// What a program's fatbin section points to.
struct Wrapper {
  uint32_t magic, version;
  const void *data;
  const void *name;
};

struct FatbinHead {
  uint32_t magic;
  uint16_t version, headBytes;
  uint64_t bytes; ///< of all that follows the head
};

/// The head of one entry; longer in files of later versions.
struct EntryHead {
  uint16_t kind, version;
  uint32_t headBytes;
  uint64_t bytes; ///< of the entry's content as stored
  uint32_t compressedBytes, reserved;
  uint16_t minor, major;
  uint32_t architecture, nameOffset, nameBytes;
  uint64_t flags, reserved2, plainBytes;
};
constexpr uint16_t ptxKind = 1;
constexpr uint64_t lz4Flag = 0x2000, zstdFlag = 0x8000;
} // namespace

std::string driver::decodeLz4(std::span<const uint8_t> block, size_t size) {
  std::string out;
  out.reserve(size);
  size_t at = 0;
  auto damaged = [] { refuse(CUDA_ERROR_INVALID_IMAGE, "the compressed PTX is damaged"); };
  auto next = [&]() -> uint8_t {
    if (at >= block.size())
      damaged();
    return block[at++];
  };
  auto length = [&](size_t value) {
    if (value == 15)
      for (uint8_t more = 255; more == 255;)
        value += more = next();
    return value;
  };
  while (at < block.size()) {
    uint8_t token = next();
    size_t literals = length(token >> 4);
    if (literals > block.size() - at || literals > size - out.size())
      damaged();
    out.append(reinterpret_cast<const char *>(block.data()) + at, literals);
    at += literals;
    if (at == block.size())
      break; // the last sequence has no match
    size_t distance = next();
    distance |= size_t(next()) << 8;
    size_t match = length(token & 15) + 4;
    if (!distance || distance > out.size() || match > size - out.size())
      damaged();
    for (size_t i = 0; i < match; ++i)
      out.push_back(out[out.size() - distance]);
  }
  if (out.size() != size)
    damaged();
  return out;
}

static std::string decodeZstd(std::span<const uint8_t> block, size_t size) {
  if (!llvm::compression::zstd::isAvailable())
    refuse(CUDA_ERROR_NOT_SUPPORTED, "the PTX is compressed with zstd, which this build of LLVM lacks; compile with "
                                     "nvcc --no-compress");
  llvm::SmallVector<uint8_t, 0> out;
  if (llvm::Error error =
          llvm::compression::zstd::decompress(llvm::ArrayRef<uint8_t>(block.data(), block.size()), out, size)) {
    std::string text = llvm::toString(std::move(error));
    refuse(CUDA_ERROR_INVALID_IMAGE, "the compressed PTX is damaged: ", text);
  }
  return {out.begin(), out.end()};
}

static std::string readEntry(const EntryHead &head, const uint8_t *content) {
  bool compressed = head.flags & (lz4Flag | zstdFlag);
  uint64_t stored = compressed && head.compressedBytes ? head.compressedBytes : head.bytes;
  if (stored > head.bytes || (compressed && head.plainBytes > mostBytes))
    refuse(CUDA_ERROR_INVALID_IMAGE, "an entry of the fatbin says ", head.plainBytes, " bytes, expected at most ",
           mostBytes);
  std::span<const uint8_t> bytes(content, stored);
  std::string text = head.flags & zstdFlag  ? decodeZstd(bytes, head.plainBytes)
                     : head.flags & lz4Flag ? decodeLz4(bytes, head.plainBytes)
                                            : std::string(bytes.begin(), bytes.end());
  text.resize(std::min(text.size(), text.find('\0')));
  return text;
}

static std::string readFatbin(const void *image) {
  FatbinHead head;
  readCaller(&head, image, sizeof head, "the fatbin's head");
  if (head.headBytes < sizeof head || head.bytes > mostBytes)
    refuse(CUDA_ERROR_INVALID_IMAGE, "the fatbin says ", head.bytes, " bytes, expected at most ", mostBytes);
  std::vector<uint8_t> bytes(head.bytes);
  readCaller(bytes.data(), static_cast<const char *>(image) + head.headBytes, bytes.size(), "the fatbin");
  constexpr size_t shortest = offsetof(EntryHead, reserved2);
  std::optional<std::pair<EntryHead, size_t>> best;
  size_t machine = 0;
  for (size_t at = 0; at < bytes.size();) {
    EntryHead entry{};
    if (bytes.size() - at < shortest)
      refuse(CUDA_ERROR_INVALID_IMAGE, "the fatbin ends within an entry");
    std::memcpy(&entry, bytes.data() + at, std::min(sizeof entry, bytes.size() - at));
    if (entry.headBytes < shortest || entry.headBytes > bytes.size() - at ||
        entry.bytes > bytes.size() - at - entry.headBytes)
      refuse(CUDA_ERROR_INVALID_IMAGE, "the fatbin ends within an entry");
    // Later architectures come last in value; any that the emulator cannot run fails when it is read.
    bool better = !best || (entry.architecture <= 90 && entry.architecture >= best->first.architecture) ||
                  best->first.architecture > 90;
    if (entry.kind == ptxKind && better)
      best = {entry, at + entry.headBytes};
    machine += entry.kind != ptxKind;
    at += entry.headBytes + entry.bytes;
  }
  if (!best)
    refuse(CUDA_ERROR_NO_BINARY_FOR_GPU, "the fatbin has ", machine,
           " entries of machine code and no PTX, which alone the emulator runs; compile with nvcc -gencode "
           "arch=compute_80,code=compute_80");
  return readEntry(best->first, bytes.data() + best->second);
}

/// A text of the caller, up to its zero.
static std::string readText(const char *text) {
  std::string out;
  char piece[4096];
  while (true) {
    // Never over the end of a page: the next may not exist.
    size_t count = sizeof piece - (reinterpret_cast<uintptr_t>(text) + out.size()) % sizeof piece;
    readCaller(piece, text + out.size(), count, "the module's image");
    size_t end = std::find(piece, piece + count, '\0') - piece;
    out.append(piece, end);
    if (end < count)
      return out;
    if (out.size() > mostBytes)
      refuse(CUDA_ERROR_INVALID_IMAGE, "expected PTX that ends with a zero");
  }
}

std::string driver::readImage(const void *image) {
  char first;
  readCaller(&first, image, 1, "the module's image");
  uint32_t magic = 0;
  if (first == char(0xb1) || first == 0x50 || first == 0x7f)
    readCaller(&magic, image, sizeof magic, "the module's image");
  if (magic == wrapperMagic) {
    Wrapper wrapper;
    readCaller(&wrapper, image, sizeof wrapper, "the fatbin's wrapper");
    readCaller(&magic, wrapper.data, sizeof magic, "the fatbin");
    if (magic != fatbinMagic)
      refuse(CUDA_ERROR_INVALID_IMAGE, "expected a fatbin in the wrapper");
    return readFatbin(wrapper.data);
  }
  if (magic == fatbinMagic)
    return readFatbin(image);
  if (magic == elfMagic)
    refuse(CUDA_ERROR_NO_BINARY_FOR_GPU, "expected PTX, got machine code, which the emulator does not run");
  return readText(static_cast<const char *>(image));
}
