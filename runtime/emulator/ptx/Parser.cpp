// The module level: directives, variables, functions and their parameters. Bodies are in Body.cpp.
#include "runtime/emulator/ptx/Parser.h"
#include "runtime/emulator/ptx/Body.h"
#include "runtime/emulator/ptx/Declarations.h"

using namespace hybridrt;
using namespace hybridrt::emulator;

std::string Instruction::name() const {
  std::string result(opcode);
  for (std::string_view modifier : modifiers)
    result += "." + std::string(modifier);
  return result;
}

std::string Ptx::describe(int location) const {
  if (location < 0 || size_t(location) >= locations.size())
    return {};
  const Location &place = locations[location];
  auto file = files.find(place.file);
  return concat(file == files.end() ? std::string("file ") + std::to_string(place.file) : std::string(file->second),
                ":", place.line, ":", place.column);
}

namespace {

class ModuleParser {
public:
  explicit ModuleParser(Ptx &ptx) : ptx(ptx), tokens(ptx.name, ptx.text) {}

  void run() {
    while (!tokens.done())
      item();
  }

private:
  void item() {
    const Token &token = tokens.peek();
    if (token.kind != Token::Kind::Directive)
      return tokens.error("expected a directive");
    if (tokens.accept(".version") || tokens.accept(".address_size"))
      return void(tokens.number());
    if (tokens.accept(".target"))
      return target();
    if (tokens.accept(".visible") || tokens.accept(".weak") || tokens.accept(".common"))
      return;
    if (tokens.accept(".file"))
      return parseFile(tokens, ptx);
    if (tokens.accept(".loc"))
      return void(parseLocation(tokens, ptx));
    if (tokens.accept(".section"))
      return section();
    if (tokens.accept(".pragma"))
      return skipStatement();
    bool external = tokens.accept(".extern");
    if (tokens.is(".entry") || tokens.is(".func"))
      return function();
    if (tokens.is(".global") || tokens.is(".const") || tokens.is(".shared"))
      return variable(external);
    if (tokens.accept(".alias"))
      tokens.error("'.alias' is not supported: expected a function's definition");
    tokens.error("expected a function, a variable or another directive of a module");
  }

  void skipStatement() {
    while (!tokens.accept(";")) {
      if (tokens.done())
        tokens.error("expected ';'");
      tokens.next();
    }
  }

  void target() {
    ptx.target = tokens.word("an architecture such as sm_80");
    while (tokens.accept(","))
      tokens.word("a target option");
  }

  void section() {
    while (!tokens.is("{")) {
      if (tokens.done())
        tokens.error("expected '{' after the section's name");
      tokens.next();
    }
    int depth = 0;
    do {
      if (tokens.done())
        tokens.error("expected '}' at the section's end");
      depth += tokens.is("{") ? 1 : tokens.is("}") ? -1 : 0;
      tokens.next();
    } while (depth);
  }

  void variable(bool external) {
    std::string_view space = tokens.next().text;
    do {
      Declaration declaration = parseDeclaration(tokens);
      if (space == ".shared") {
        if (declaration.unsized || external)
          ptx.dynamicShared.push_back(declaration.variable.name);
        else
          ptx.shared[declaration.variable.name] = place(declaration, ptx.sharedBytes);
      } else {
        GlobalVariable global;
        global.variable = declaration.variable;
        global.isConstant = space == ".const";
        global.isExternal = external;
        if (external && tokens.is("="))
          tokens.error("expected no initial value of an external variable");
        if (tokens.accept("="))
          parseInitializer(tokens, declaration, global);
        ptx.globals.push_back(std::move(global));
      }
    } while (tokens.accept(","));
    tokens.expect(";");
  }

  Variable place(Declaration &declaration, uint32_t &bytes) {
    uint64_t offset = alignUp(bytes, declaration.variable.alignment);
    if (offset + declaration.variable.size > uint64_t(1) << 24)
      tokens.tooLarge("expected less than 16 MiB of shared memory", offset + declaration.variable.size);
    declaration.variable.offset = offset;
    bytes = uint32_t(offset + declaration.variable.size);
    return declaration.variable;
  }

  void function() {
    Function function;
    function.isEntry = tokens.next().text == ".entry";
    function.place = tokens.peek().place;
    tokens.accept(".attribute");
    if (!function.isEntry && tokens.is("("))
      parseParameters(tokens, function, function.results);
    function.name = tokens.word("a function's name");
    if (tokens.is("("))
      parseParameters(tokens, function, function.parameters);
    while (tokens.peek().kind == Token::Kind::Directive)
      performanceDirective(function);
    if (!tokens.accept(";")) {
      tokens.expect("{");
      function.isDefined = true;
      parseBody(tokens, ptx, function);
    }
    add(std::move(function));
  }

  /// A definition replaces its declaration.
  void add(Function function) {
    if (Function *known = ptx.find(function.name)) {
      if (known->isDefined && function.isDefined)
        tokens.errorAt(function.place, "expected one definition of '" + std::string(function.name) + "', got a second");
      if (function.isDefined)
        *known = std::move(function);
      return;
    }
    ptx.functions.push_back(std::move(function));
  }

  void performanceDirective(Function &function) {
    std::string_view name = tokens.next().text;
    std::array<uint32_t, 3> values{0, 0, 0};
    unsigned count = 0;
    if (tokens.peek().kind == Token::Kind::Number)
      do {
        if (count == 3)
          tokens.error("expected at most three numbers");
        values[count++] = uint32_t(tokens.integer("a number"));
      } while (tokens.accept(","));
    for (unsigned i = count; count && i < 3; ++i)
      values[i] = 1;
    if (name == ".maxntid")
      function.maxBlock = values;
    else if (name == ".reqntid")
      function.requiredBlock = values;
    else if (name == ".reqnctapercluster")
      function.cluster = values;
    else if (name == ".explicitcluster")
      function.explicitCluster = true;
    else if (name == ".pragma")
      skipStatement();
  }

  Ptx &ptx;
  TokenStream tokens;
};

} // namespace

Result<std::unique_ptr<Ptx>> emulator::parsePtx(std::string_view text, const std::string &name) {
  return capture([&] {
    auto ptx = std::make_unique<Ptx>();
    ptx->text = text;
    ptx->name = name;
    ModuleParser(*ptx).run();
    return ptx;
  });
}
