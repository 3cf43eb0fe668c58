#include "runtime/emulator/ptx/Declarations.h"
#include <cstring>

using namespace hybridrt;
using namespace hybridrt::emulator;

uint32_t emulator::typeBits(std::string_view directive) {
  static const std::pair<std::string_view, uint32_t> types[] = {
      {".pred", 1}, {".b8", 8},     {".u8", 8},      {".s8", 8},      {".b16", 16},        {".u16", 16},
      {".s16", 16}, {".f16", 16},   {".bf16", 16},   {".b32", 32},    {".u32", 32},        {".s32", 32},
      {".f32", 32}, {".f16x2", 32}, {".bf16x2", 32}, {".b64", 64},    {".u64", 64},        {".s64", 64},
      {".f64", 64}, {".f32x2", 64}, {".b128", 128},  {".texref", 64}, {".samplerref", 64}, {".surfref", 64}};
  for (auto [name, bits] : types)
    if (name == directive)
      return bits;
  return 0;
}

static uint32_t parseAlignment(TokenStream &tokens) {
  Place place = tokens.peek().place;
  uint64_t alignment = tokens.integer("an alignment");
  if (!alignment || alignment > 1 << 20 || (alignment & (alignment - 1)))
    tokens.errorAt(place, concat("expected an alignment that is a power of two up to 2^20, got ", alignment));
  return uint32_t(alignment);
}

/// Dimensions after a name; false where one is empty.
static bool parseDimensions(TokenStream &tokens, uint64_t &count) {
  bool sized = true;
  while (tokens.accept("[")) {
    if (tokens.accept("]")) {
      sized = false;
      continue;
    }
    Place place = tokens.peek().place;
    uint64_t size = tokens.integer("a number of elements");
    if (size && count > (uint64_t(1) << 40) / size)
      tokens.errorAt(place, "expected a variable of at most 2^40 elements");
    count *= size;
    tokens.expect("]");
  }
  return sized;
}

Declaration emulator::parseDeclaration(TokenStream &tokens) {
  Declaration declaration;
  uint32_t bits = 0, vector = 1;
  while (tokens.peek().kind == Token::Kind::Directive) {
    std::string_view word = tokens.peek().text;
    if (tokens.accept(".align")) {
      declaration.variable.alignment = parseAlignment(tokens);
    } else if (word == ".v2" || word == ".v4") {
      vector = word == ".v2" ? 2 : 4;
      tokens.next();
    } else if (word == ".attribute") {
      tokens.next();
      tokens.expect("(");
      while (!tokens.accept(")")) {
        if (tokens.done())
          tokens.error("expected ')'");
        tokens.next();
      }
    } else if (word == ".ptr" || word == ".global" || word == ".shared" || word == ".local" || word == ".const") {
      tokens.next();
    } else if (uint32_t known = typeBits(word)) {
      bits = known;
      declaration.isFloat = word[1] == 'f';
      tokens.next();
    } else {
      tokens.error("expected a type such as .b32");
    }
  }
  if (!bits)
    tokens.error("expected a type such as .b32");
  declaration.elementBytes = std::max(bits / 8, 1u) * vector;
  declaration.variable.name = tokens.word("a variable's name");
  uint64_t count = 1;
  if (!parseDimensions(tokens, count)) {
    declaration.unsized = true;
    count = 0;
  }
  declaration.variable.size = count * declaration.elementBytes;
  declaration.variable.alignment = std::max(declaration.variable.alignment, declaration.elementBytes);
  return declaration;
}

namespace {

/// Reads an initialiser; nested braces only group.
class Initializer {
public:
  Initializer(TokenStream &tokens, const Declaration &declaration, GlobalVariable &global)
      : tokens(tokens), declaration(declaration), global(global) {}

  void run() {
    unsigned depth = 0;
    do {
      if (tokens.accept("{"))
        ++depth;
      else if (depth && tokens.accept("}"))
        --depth;
      else if (!(depth && tokens.accept(",")))
        value();
    } while (depth);
    if (declaration.unsized)
      global.variable.size = global.bytes.size();
  }

private:
  void value() {
    uint64_t at = global.bytes.size();
    if (!declaration.unsized && at + declaration.elementBytes > declaration.variable.size)
      tokens.error("expected no more values than the variable has elements");
    Number number;
    if (tokens.peek().kind == Token::Kind::Word)
      symbol(at);
    else
      number = tokens.number();
    if (number.isDouble && declaration.elementBytes == 4) {
      double wide;
      std::memcpy(&wide, &number.bits, 8);
      float narrow = float(wide);
      number.bits = 0;
      std::memcpy(&number.bits, &narrow, 4);
    }
    global.bytes.resize(at + declaration.elementBytes);
    std::memcpy(&global.bytes[at], &number.bits, std::min<size_t>(declaration.elementBytes, 8));
  }

  /// name, name+4 or generic(name): addresses are generic here, so the three are one.
  void symbol(uint64_t at) {
    if (declaration.elementBytes != 8)
      tokens.error("expected an address only in a variable of 64-bit elements");
    bool generic = tokens.accept("generic");
    if (generic)
      tokens.expect("(");
    Relocation relocation{at, tokens.word("a variable's name"), 0};
    if (generic)
      tokens.expect(")");
    if (tokens.accept("+"))
      relocation.addend = int64_t(tokens.number().bits);
    global.relocations.push_back(relocation);
  }

  TokenStream &tokens;
  const Declaration &declaration;
  GlobalVariable &global;
};

} // namespace

void emulator::parseInitializer(TokenStream &tokens, const Declaration &declaration, GlobalVariable &global) {
  Initializer(tokens, declaration, global).run();
}

void emulator::parseParameters(TokenStream &tokens, Function &function, std::vector<Variable> &parameters) {
  tokens.expect("(");
  uint64_t bytes = 0;
  if (!tokens.accept(")")) {
    do {
      if (tokens.is(".reg"))
        tokens.error("parameters in registers are not supported: expected '.param'");
      tokens.expect(".param");
      Declaration declaration = parseDeclaration(tokens);
      declaration.variable.offset = alignUp(bytes, declaration.variable.alignment);
      bytes = declaration.variable.offset + declaration.variable.size;
      if (bytes > 1 << 20)
        tokens.tooLarge("expected at most 1 MiB of parameters", bytes);
      parameters.push_back(declaration.variable);
    } while (tokens.accept(","));
    tokens.expect(")");
  }
  if (&parameters == &function.parameters)
    function.parameterBytes = uint32_t(bytes);
}

void emulator::parseFile(TokenStream &tokens, Ptx &ptx) {
  auto number = uint32_t(tokens.integer("a file's number"));
  if (tokens.peek().kind != Token::Kind::String)
    tokens.error("expected a file's name in quotes");
  std::string_view name = tokens.next().text;
  ptx.files[number] = name.substr(1, name.size() - 2);
  while (tokens.accept(","))
    tokens.integer("a file's time or size");
}

int emulator::parseLocation(TokenStream &tokens, Ptx &ptx) {
  Location location;
  location.file = uint32_t(tokens.integer("a file's number"));
  location.line = uint32_t(tokens.integer("a line"));
  location.column = uint32_t(tokens.integer("a column"));
  while (tokens.accept(",")) {
    if (tokens.accept("function_name")) {
      tokens.word("a label");
      if (tokens.accept("+"))
        tokens.integer("an offset");
    } else {
      tokens.expect("inlined_at");
      for (const char *what : {"a file's number", "a line", "a column"})
        tokens.integer(what);
    }
  }
  ptx.locations.push_back(location);
  return int(ptx.locations.size()) - 1;
}
