// Functions that CUDA's device code calls: printf and assert.
#include "runtime/emulator/vm/Access.h"
#include "runtime/emulator/vm/Lanes.h"
#include <cstdio>
#include <cstring>

using namespace hybridrt::emulator;

namespace {

/// Reads memory of a generic address, without checks but bounds. False where it is out of them.
bool readGeneric(Warp *w, unsigned lane, uint64_t address, void *to, uint32_t bytes) {
  uint32_t size = w->launch->program->localBytes;
  switch (spaceOf(address)) {
  case Space::Local: {
    uint64_t at = address - localWindow;
    if (at + bytes > size)
      return false;
    std::memcpy(to, w->local + size_t(lane) * size + at, bytes);
    return true;
  }
  case Space::Shared: {
    SharedPlace place = findShared(w, address, bytes);
    if (place.cta)
      std::memcpy(to, &place.cta->shared[place.offset], bytes);
    return place.cta;
  }
  default:
    if (!inGlobal(w, address, bytes))
      return false;
    std::memcpy(to, reinterpret_cast<const void *>(address), bytes);
    return true;
  }
}

std::string readText(Warp *w, unsigned lane, uint64_t address) {
  std::string text;
  for (char c; text.size() < 4096 && readGeneric(w, lane, address + text.size(), &c, 1) && c;)
    text += c;
  return text;
}

uint64_t localValue(Warp *w, unsigned lane, uint32_t offset) {
  uint64_t value = 0;
  std::memcpy(&value, w->local + size_t(lane) * w->launch->program->localBytes + offset, 8);
  return value;
}

/// Arguments lie one after another, each aligned to its size: 4 bytes for integers, 8 for others.
std::string format(Warp *w, unsigned lane, const std::string &text, uint64_t arguments) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += text[i];
      continue;
    }
    size_t end = text.find_first_of("diouxXcsfFeEgGaAp%", i + 1);
    if (end == std::string::npos)
      break;
    std::string spec = text.substr(i, end - i + 1);
    i = end;
    char kind = spec.back();
    if (kind == '%') {
      result += '%';
      continue;
    }
    bool wide =
        std::strchr("fFeEgGaAps", kind) || spec.find("ll") != std::string::npos || spec.find('l') != std::string::npos;
    uint32_t bytes = wide ? 8 : 4;
    arguments = (arguments + bytes - 1) / bytes * bytes;
    uint64_t value = 0;
    if (!readGeneric(w, lane, arguments, &value, bytes))
      break;
    arguments += bytes;
    if (spec.find('*') != std::string::npos || spec.size() > 16)
      continue; // widths from arguments are left out
    char buffer[512];
    if (kind == 's') {
      result += readText(w, lane, value);
      continue;
    }
    if (std::strchr("fFeEgGaA", kind)) {
      double number;
      std::memcpy(&number, &value, 8);
      std::snprintf(buffer, sizeof(buffer), spec.c_str(), number);
    } else if (kind == 'p') {
      std::snprintf(buffer, sizeof(buffer), "0x%llx", static_cast<unsigned long long>(value));
    } else if (wide) {
      std::snprintf(buffer, sizeof(buffer), spec.c_str(), static_cast<unsigned long long>(value));
    } else {
      std::snprintf(buffer, sizeof(buffer), spec.c_str(), static_cast<unsigned>(value));
    }
    result += buffer;
  }
  return result;
}

} // namespace

extern "C" {

void emu_printf(Warp *w, uint32_t lanes, uint32_t text, uint32_t arguments, uint32_t) {
  for (unsigned lane : Lanes(lanes)) {
    std::string line = format(w, lane, readText(w, lane, localValue(w, lane, text)), localValue(w, lane, arguments));
    std::fwrite(line.data(), 1, line.size(), stdout);
  }
  std::fflush(stdout);
}

void emu_assert(Warp *w, uint32_t lanes, uint32_t message, uint32_t file, uint32_t, uint32_t line) {
  if (!lanes)
    return;
  unsigned lane = lowestLane(lanes);
  diagnose(w,
           "assertion failed: " + readText(w, lane, localValue(w, lane, message)) + " in " +
               readText(w, lane, localValue(w, lane, file)),
           line, 0, int(lane));
  w->launch->stopped = true;
}

} // extern "C"
