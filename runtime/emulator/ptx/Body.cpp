// Braces open scopes: registers, variables and labels of an inner one hide those outside. A label may be used before
// its definition, so a scope's uses are resolved when it closes, and what it does not know goes to the scope around it.
#include "runtime/emulator/ptx/Body.h"
#include "runtime/emulator/ptx/Declarations.h"

using namespace hybridrt;
using namespace hybridrt::emulator;

namespace {

constexpr unsigned maxOperandDepth = 8, maxScopes = 256;

class BodyParser {
public:
  BodyParser(TokenStream &tokens, Ptx &ptx, Function &function) : tokens(tokens), ptx(ptx), function(function) {}

  void run() {
    open();
    for (const Variable &parameter : function.parameters)
      if (!function.isEntry)
        addLocal(parameter);
    for (const Variable &result : function.results)
      addLocal(result);
    while (!scopes.empty())
      statement();
  }

private:
  struct Family {
    std::string_view prefix;
    uint64_t count;
    uint32_t bits;
  };
  /// Where a label is used: an operand of an instruction, or an entry of a branch table.
  struct LabelUse {
    std::string_view label;
    Place place;
    size_t instruction, operand;
    std::vector<int> *table;
  };
  struct Scope {
    std::map<std::string_view, int> registers;
    std::vector<Family> families; // %r<100>
    std::map<std::string_view, int> labels;
    std::vector<LabelUse> uses;
  };

  void open() {
    if (scopes.size() == maxScopes)
      tokens.error(concat("expected at most ", maxScopes, " nested scopes"));
    scopes.emplace_back();
  }

  void close() {
    Scope scope = std::move(scopes.back());
    scopes.pop_back();
    for (LabelUse &use : scope.uses) {
      auto label = scope.labels.find(use.label);
      if (label == scope.labels.end()) {
        if (scopes.empty())
          tokens.errorAt(use.place, "expected a label of this function, got '" + std::string(use.label) + "'");
        scopes.back().uses.push_back(use);
      } else if (use.table) {
        (*use.table)[use.operand] = label->second;
      } else {
        function.instructions[use.instruction].operands[use.operand].label = label->second;
      }
    }
  }

  void statement() {
    const Token &token = tokens.peek();
    if (token.kind == Token::Kind::End)
      tokens.error("expected '}' at the function's end");
    if (tokens.accept(";"))
      return;
    if (tokens.accept("{"))
      return open();
    if (tokens.accept("}"))
      return close();
    if (token.kind == Token::Kind::Directive)
      return directive();
    if (token.kind == Token::Kind::Word && tokens.is(":", 1))
      return label();
    instruction();
  }

  void directive() {
    if (tokens.accept(".reg"))
      return registers();
    if (tokens.accept(".loc")) {
      location = parseLocation(tokens, ptx);
      return;
    }
    if (tokens.accept(".file"))
      return parseFile(tokens, ptx);
    if (tokens.accept(".pragma")) {
      while (!tokens.accept(";")) {
        if (tokens.done())
          tokens.error("expected ';'");
        tokens.next();
      }
      return;
    }
    if (tokens.is(".shared") || tokens.is(".local") || tokens.is(".param"))
      return variable(tokens.next().text);
    tokens.error("expected an instruction or a declaration");
  }

  void variable(std::string_view space) {
    do {
      Declaration declaration = parseDeclaration(tokens);
      if (declaration.unsized)
        tokens.error("expected a variable of known size");
      if (space != ".shared") {
        addLocal(declaration.variable);
        continue;
      }
      uint64_t offset = alignUp(ptx.sharedBytes, declaration.variable.alignment);
      if (offset + declaration.variable.size > uint64_t(1) << 24)
        tokens.tooLarge("expected less than 16 MiB of shared memory", offset + declaration.variable.size);
      declaration.variable.offset = offset;
      ptx.sharedBytes = uint32_t(offset + declaration.variable.size);
      function.shared[declaration.variable.name] = declaration.variable;
    } while (tokens.accept(","));
    tokens.expect(";");
  }

  /// Variables of one name in sibling scopes, as call sequences have them, share the room of the largest.
  void addLocal(Variable variable) {
    auto known = function.locals.find(variable.name);
    if (known != function.locals.end() && known->second.size >= variable.size &&
        known->second.alignment >= variable.alignment)
      return;
    uint64_t offset = alignUp(function.localBytes, std::max(variable.alignment, 8u));
    if (offset + variable.size > uint64_t(1) << 24)
      tokens.tooLarge("expected less than 16 MiB of local memory", offset + variable.size);
    variable.offset = offset;
    function.localBytes = uint32_t(offset + variable.size);
    function.locals[variable.name] = variable;
  }

  int newRegister(std::string_view name, uint32_t bits) {
    function.registers.push_back({name, bits});
    return int(function.registers.size()) - 1;
  }

  void registers() {
    uint32_t bits = typeBits(tokens.peek().text);
    if (!bits)
      tokens.error("expected a register's type such as .b32");
    bits = bits == 8 ? 16 : bits;
    tokens.next();
    do {
      std::string_view name = tokens.word("a register's name");
      if (tokens.accept("<")) {
        scopes.back().families.push_back({name, tokens.integer("a number of registers"), bits});
        tokens.expect(">");
      } else {
        scopes.back().registers[name] = newRegister(name, bits);
      }
    } while (tokens.accept(","));
    tokens.expect(";");
  }

  int findRegister(std::string_view name) {
    for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope) {
      auto known = scope->registers.find(name);
      if (known != scope->registers.end())
        return known->second;
      for (const Family &family : scope->families) {
        if (!name.starts_with(family.prefix) || name.size() == family.prefix.size() ||
            name.size() > family.prefix.size() + 9)
          continue;
        uint64_t index = 0;
        bool digits = true;
        for (char c : name.substr(family.prefix.size())) {
          digits &= c >= '0' && c <= '9';
          index = index * 10 + uint64_t(c - '0');
        }
        if (digits && index < family.count)
          return scope->registers[name] = newRegister(name, family.bits);
      }
    }
    return -1;
  }

  void label() {
    Place place = tokens.peek().place;
    std::string_view name = tokens.next().text;
    tokens.expect(":");
    if (tokens.accept(".branchtargets")) {
      std::vector<int> &table = function.branchTables[name];
      do {
        scopes.back().uses.push_back({tokens.peek().text, tokens.peek().place, 0, table.size(), &table});
        tokens.word("a label");
        table.push_back(-1);
      } while (tokens.accept(","));
      return tokens.expect(";");
    }
    if (tokens.is(".callprototype") || tokens.is(".calltargets")) {
      while (!tokens.accept(";")) {
        if (tokens.done())
          tokens.error("expected ';'");
        tokens.next();
      }
      return;
    }
    if (!scopes.back().labels.try_emplace(name, int(function.instructions.size())).second)
      tokens.errorAt(place, "expected one definition of label '" + std::string(name) + "', got a second");
  }

  void instruction() {
    Instruction result;
    result.place = tokens.peek().place;
    result.location = location;
    if (tokens.accept("@")) {
      result.predicateNegated = tokens.accept("!");
      Place place = tokens.peek().place;
      std::string_view name = tokens.word("a predicate");
      result.predicate = findRegister(name);
      if (result.predicate < 0 || function.registers[result.predicate].bits != 1)
        tokens.errorAt(place, "expected a predicate register, got '" + std::string(name) + "'");
    }
    splitOpcode(tokens.word("an instruction"), result);
    bool isCall = result.opcode == "call";
    while (!tokens.accept(";")) {
      result.operands.push_back(operand(0));
      if (!tokens.accept(",") && !tokens.is(";") && !isCall)
        tokens.error("expected ',' or ';' after an operand");
    }
    size_t index = function.instructions.size();
    if (result.opcode == "bra")
      for (size_t i = 0; i < result.operands.size(); ++i)
        if (result.operands[i].kind == Operand::Kind::Symbol)
          scopes.back().uses.push_back({result.operands[i].name, result.place, index, i, nullptr});
    function.instructions.push_back(std::move(result));
  }

  static void splitOpcode(std::string_view word, Instruction &instruction) {
    size_t dot = word.find('.');
    instruction.opcode = word.substr(0, dot);
    while (dot != std::string_view::npos) {
      size_t end = word.find('.', dot + 1);
      instruction.modifiers.push_back(word.substr(dot + 1, end == std::string_view::npos ? end : end - dot - 1));
      dot = end;
    }
  }

  Operand operand(unsigned depth) {
    if (depth > maxOperandDepth)
      tokens.error(concat("expected operands nested at most ", maxOperandDepth, " deep"));
    Operand result = simpleOperand(depth);
    if (!tokens.accept("|"))
      return result;
    Operand pair;
    pair.kind = Operand::Kind::Pair;
    pair.parts.push_back(std::move(result));
    pair.parts.push_back(operand(depth + 1));
    return pair;
  }

  Operand simpleOperand(unsigned depth) {
    Operand result;
    if (tokens.accept("!")) {
      if (depth > maxOperandDepth)
        tokens.error(concat("expected operands nested at most ", maxOperandDepth, " deep"));
      result = simpleOperand(depth + 1);
      result.negated = true;
      return result;
    }
    if (tokens.is("{") || tokens.is("(")) {
      std::string_view end = tokens.next().is("{") ? "}" : ")";
      result.kind = Operand::Kind::Vector;
      if (!tokens.accept(end)) {
        do
          result.parts.push_back(operand(depth + 1));
        while (tokens.accept(","));
        tokens.expect(end);
      }
      return result;
    }
    if (tokens.accept("["))
      return memory(depth);
    const Token &token = tokens.peek();
    if (token.kind == Token::Kind::Number || token.is("-")) {
      Number number = tokens.number();
      result.kind = Operand::Kind::Immediate;
      result.bits = number.bits;
      result.isFloat = number.isFloat;
      result.isDouble = number.isDouble;
      return result;
    }
    if (token.kind != Token::Kind::Word)
      tokens.error("expected an operand");
    std::string_view name = tokens.next().text;
    if (name == "_")
      return result;
    result.reg = findRegister(name);
    result.name = name;
    result.kind = result.reg >= 0 ? Operand::Kind::Register : Operand::Kind::Symbol;
    if (result.kind == Operand::Kind::Symbol)
      result.offset = offset();
    return result;
  }

  /// +4, +-4 or -4 after an address.
  int64_t offset() {
    bool plus = tokens.accept("+");
    if (!plus && !tokens.is("-"))
      return 0;
    return int64_t(tokens.number().bits);
  }

  Operand memory(unsigned depth) {
    Operand result;
    result.kind = Operand::Kind::Memory;
    result.parts.push_back(operand(depth + 1));
    result.offset = offset();
    while (tokens.accept(","))
      result.parts.push_back(operand(depth + 1));
    tokens.expect("]");
    return result;
  }

  TokenStream &tokens;
  Ptx &ptx;
  Function &function;
  std::vector<Scope> scopes;
  int location = -1;
};

} // namespace

void emulator::parseBody(TokenStream &tokens, Ptx &ptx, Function &function) { BodyParser(tokens, ptx, function).run(); }
