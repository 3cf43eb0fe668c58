// Finds synchronisations in PTX text, statement by statement, and edits the text. What they mean is not known here
// beyond their names and operands.
#include "test/unit/PtxMutants.h"
#include <algorithm>
#include <optional>
#include <regex>
#include <string_view>

using namespace hybridrt::emulator;

namespace {

/// Where a kernel stands: from its linkage to behind its last brace.
struct Extent {
  size_t begin = 0, body = 0, end = 0;
};

/// Behind a comment, a string or a line of debug information at `at`, else `at`.
size_t skipNoise(std::string_view text, size_t at) {
  auto behind = [&](std::string_view what, size_t from) {
    size_t found = text.find(what, from);
    return found == text.npos ? text.size() : found + what.size();
  };
  if (text.substr(at, 2) == "//" || text.substr(at, 5) == ".loc " || text.substr(at, 5) == ".loc\t")
    return behind("\n", at);
  if (text.substr(at, 2) == "/*")
    return behind("*/", at + 2);
  if (text[at] == '"')
    return behind("\"", at + 1);
  return at;
}

std::vector<Extent> kernelsOf(std::string_view text) {
  std::vector<Extent> kernels;
  for (size_t at = text.find(".entry"); at != text.npos; at = text.find(".entry", kernels.back().end)) {
    Extent extent;
    extent.begin = std::min(text.rfind('\n', at) + 1, at);
    extent.body = text.find('{', at);
    unsigned depth = 0;
    for (extent.end = extent.body; extent.end < text.size();) {
      if (size_t next = skipNoise(text, extent.end); next != extent.end) {
        extent.end = next;
        continue;
      }
      char c = text[extent.end++];
      depth += c == '{';
      if (c == '}' && !--depth)
        break;
    }
    kernels.push_back(extent);
  }
  return kernels;
}

bool isNamed(std::string_view text, const Extent &extent, const std::string &kernel) {
  std::string_view head = text.substr(extent.begin, extent.body - extent.begin);
  head.remove_prefix(head.find(".entry") + 6);
  head.remove_prefix(std::min(head.find_first_not_of(" \t\n"), head.size()));
  return head.substr(0, head.find_first_of("( \t\n")) == kernel;
}

/// An instruction with its guard and semicolon.
struct Statement {
  size_t begin = 0, end = 0;
  std::string text, opcode;
  bool follows = false; ///< control comes from the statement before it alone
};

bool beginsWith(const Statement &statement, std::initializer_list<const char *> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const char *prefix) { return statement.opcode.starts_with(prefix); });
}

std::vector<Statement> statementsOf(std::string_view text, const Extent &extent) {
  static const std::regex shape(R"((@!?%?[\w$]+\s+)?([\w.:]+)[^]*)");
  std::vector<Statement> statements;
  bool follows = false;
  size_t begin = extent.body + 1;
  for (size_t at = begin; at < extent.end;) {
    if (size_t next = skipNoise(text, at); next != at) {
      if (begin == at)
        begin = next;
      at = next;
      continue;
    }
    char c = text[at++];
    if (begin + 1 == at && std::isspace(static_cast<unsigned char>(c))) {
      begin = at;
    } else if (c == '{' && text.substr(begin, at - begin).find_first_of(" \t") == text.npos) {
      begin = at; // a scope; a brace within an instruction is a vector
      follows = false;
    } else if (c == '}' && begin + 1 == at) {
      begin = at;
      follows = false;
    } else if (c == ':' && text[at] != ':' && text[at - 2] != ':' &&
               text.substr(begin, at - begin).find_first_of(" \t.") == text.npos) {
      begin = at;
      follows = false;
    } else if (c == ';') {
      Statement statement{begin, at, std::string(text.substr(begin, at - begin)), {}, follows};
      std::smatch match;
      if (std::regex_match(statement.text, match, shape))
        statement.opcode = match[2];
      follows = !beginsWith(statement, {"bra", "brx", "ret", "exit", "call", "trap"});
      statements.push_back(std::move(statement));
      begin = at;
    }
  }
  return statements;
}

bool isSynchronisation(const Statement &s) {
  return beginsWith(s, {"bar.", "barrier.", "membar", "fence", "mbarrier.", "cp.async.wait", "cp.async.commit",
                        "cp.async.mbarrier", "cp.async.bulk.wait", "cp.async.bulk.commit", "wgmma.fence",
                        "wgmma.commit", "wgmma.wait"});
}

bool isAccess(const Statement &s) {
  return beginsWith(s, {"ld.", "st.", "atom.", "red.", "cp.async.", "ldmatrix", "stmatrix", "wgmma.mma"}) &&
         !s.opcode.starts_with("ld.param") && !isSynchronisation(s);
}

/// A part of the text and what stands there instead.
struct Edit {
  size_t begin = 0, end = 0;
  std::string by;
};

struct Change {
  std::string what;
  std::vector<Edit> edits;
};

/// What one statement may become.
struct Variants {
  Statement statement;
  std::vector<Change> changes;
};

class Mutator {
public:
  Mutator(const std::string &text, const Extent &extent) : text(text), statements(statementsOf(text, extent)) {}

  std::vector<Variants> run() {
    for (size_t i = 0; i < statements.size(); ++i) {
      changes.clear();
      if (isSynchronisation(statements[i])) {
        replace(statements[i], "", "deleted");
        change(statements[i]);
        move(i);
      } else if (beginsWith(statements[i], {"shfl.sync", "vote.sync", "redux.sync", "match."})) {
        rewrite(statements[i], R"(,\s*(-1|0xffffffff|0xFFFFFFFF)\s*;$)", ", 65535;", "with half of its members");
      }
      if (!changes.empty())
        variants.push_back({statements[i], changes});
    }
    return std::move(variants);
  }

private:
  std::string place(const Statement &s) const {
    auto line = 1 + std::count(text.begin(), text.begin() + long(s.begin), '\n');
    return "line " + std::to_string(line) + ": " + std::regex_replace(s.text, std::regex("\\s+"), " ") + " ";
  }

  void replace(const Statement &s, const std::string &by, const std::string &what) {
    changes.push_back({place(s) + what, {{s.begin, s.end, by}}});
  }

  void rewrite(const Statement &s, const char *pattern, const std::string &by, const std::string &what) {
    std::string changed = std::regex_replace(s.text, std::regex(pattern), by);
    if (changed != s.text)
      replace(s, changed, what);
  }

  /// Gives the operand that is `pattern`'s second group another value: `operation` of it and `by`.
  void compute(const Statement &s, const char *pattern, const std::string &operation, int by, const std::string &what) {
    std::smatch match;
    if (!std::regex_match(s.text, match, std::regex(pattern)))
      return;
    std::string before = match[1], operand = match[2], behind = match[3];
    replace(s,
            "{ .reg .b32 %mutant; " + operation + " %mutant, " + operand + ", " + std::to_string(by) + "; " + before +
                "%mutant" + behind + " }",
            what);
  }

  void change(const Statement &s) {
    std::smatch match;
    if (s.opcode.find("wait_group") != std::string::npos &&
        std::regex_search(s.text, match, std::regex(R"((\d+)\s*;$)"))) {
      std::string more = std::to_string(std::stoi(match[1]) + 1) + ";";
      replace(s, std::string(match.prefix()) + more, "waits for one group less");
    }
    static const char barrier[] = R"(^([^]*?\s)(\d+)\s*((?:,\s*\d+)?\s*;)$)";
    if (beginsWith(s, {"bar.sync", "bar.arrive", "barrier.sync", "barrier.arrive"}) &&
        std::regex_match(s.text, match, std::regex(barrier))) {
      std::string head = match[1], id = match[2], tail = match[3];
      replace(s, head + std::to_string((std::stoi(id) + 1) % 16) + tail, "at the next barrier");
      if (std::regex_match(tail, match, std::regex(R"(,\s*(\d+)\s*;)")))
        for (int by : {-32, 32})
          if (int threads = std::stoi(match[1]) + by; threads > 0 && threads <= 1024)
            replace(s, head + id + ", " + std::to_string(threads) + ";",
                    by < 0 ? "of fewer threads" : "of more threads");
    }
    static const char last[] = R"(([^]*,\s*)([%\w$]+)(\s*;))";
    if (beginsWith(s, {"mbarrier.init"})) {
      compute(s, last, "add.s32", 1, "of one arrival more");
      compute(s, last, "sub.s32", 1, "of one arrival less");
    } else if (s.opcode.find("expect_tx") != std::string::npos) {
      compute(s, last, "shr.b32", 1, "of half the bytes");
      compute(s, last, "add.s32", 16, "of more bytes");
    } else if (s.opcode.find("_wait.parity") != std::string::npos) {
      compute(s, R"(([^\]]*\],\s*)([%\w$]+)([^]*;))", "xor.b32", 1, "for the other parity");
    }
  }

  /// Over the nearest access on each side, if nothing but plain instructions lies between. What has a result stays.
  void move(size_t i) {
    const Statement &s = statements[i];
    if (!beginsWith(s, {"bar.sync", "bar.warp", "barrier.sync", "barrier.cluster", "membar", "fence", "cp.async.wait",
                        "cp.async.commit", "cp.async.bulk", "wgmma."}))
      return;
    for (size_t j = i + 1; j < statements.size() && statements[j].follows && !isSynchronisation(statements[j]); ++j)
      if (isAccess(statements[j])) {
        changes.push_back({place(s) + "behind the next access",
                           {{s.begin, s.end, ""}, {statements[j].end, statements[j].end, " " + s.text}}});
        break;
      }
    for (size_t j = i; j > 0 && statements[j].follows && !isSynchronisation(statements[j - 1]); --j)
      if (isAccess(statements[j - 1])) {
        changes.push_back({place(s) + "before the last access",
                           {{s.begin, s.end, ""}, {statements[j - 1].begin, statements[j - 1].begin, s.text + " "}}});
        break;
      }
  }

  const std::string &text;
  std::vector<Statement> statements;
  std::vector<Change> changes;
  std::vector<Variants> variants;
};

std::string apply(std::string text, std::vector<Edit> edits) {
  std::sort(edits.begin(), edits.end(),
            [](const Edit &a, const Edit &b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  for (size_t i = edits.size(); i-- > 0;)
    text.replace(edits[i].begin, edits[i].end - edits[i].begin, edits[i].by);
  return text;
}

bool canSwitch(const Statement &s) {
  return s.text.find('@') == std::string::npos &&
         beginsWith(s, {"bar.sync", "bar.warp", "membar", "fence", "cp.async.wait", "cp.async.commit", "shfl.sync"});
}

} // namespace

std::vector<Mutant> hybridrt::emulator::mutantsOf(const std::string &text, const std::string &kernel) {
  std::vector<Mutant> mutants;
  for (const Extent &extent : kernelsOf(text))
    if (isNamed(text, extent, kernel))
      for (const Variants &variants : Mutator(text, extent).run())
        for (const Change &change : variants.changes)
          mutants.push_back({apply(text, change.edits), change.what});
  return mutants;
}

MutantSet hybridrt::emulator::mutantSetOf(const std::string &text, const std::string &kernel) {
  MutantSet set;
  for (const Extent &extent : kernelsOf(text)) {
    if (!isNamed(text, extent, kernel))
      continue;
    std::vector<Variants> all = Mutator(text, extent).run();
    std::string parameter = kernel + "_mutant", head;
    std::vector<Edit> edits;
    for (size_t i = 0; i < all.size(); ++i) {
      if (!canSwitch(all[i].statement))
        return {};
      std::string keep = "%keep" + std::to_string(i), first = std::to_string(set.what.size() + 1), instead;
      for (const Change &change : all[i].changes) {
        set.what.push_back(change.what);
        std::string number = std::to_string(set.what.size()), guard = "@%mutant" + number + " ";
        head += "setp.eq.u32 %mutant" + number + ", %chosen, " + number + ";\n";
        for (const Edit &edit : change.edits)
          if (edit.begin == edit.end)
            edits.push_back({edit.begin, edit.end, " " + guard + edit.by + " "});
          else if (!edit.by.empty())
            instead += " " + guard + edit.by;
      }
      head += "setp.lt.u32 " + keep + ", %chosen, " + first + ";\nsetp.gt.u32 %above, %chosen, " +
              std::to_string(set.what.size()) + ";\nor.pred " + keep + ", " + keep + ", %above;\n";
      const Statement &s = all[i].statement;
      edits.push_back({s.begin, s.end, "@" + keep + " " + s.text + instead});
    }
    std::string registers = ".reg .pred %mutant<" + std::to_string(set.what.size() + 1) + ">;\n.reg .pred %keep<" +
                            std::to_string(all.size() + 1) + ">;\n.reg .pred %above;\n.reg .b32 %chosen;\n";
    edits.push_back(
        {extent.body + 1, extent.body + 1, "\n" + registers + "ld.param.u32 %chosen, [" + parameter + "];\n" + head});
    size_t close = text.rfind(')', extent.body), open = text.find('(', extent.begin);
    bool any = text.find(".param", open) < close;
    edits.push_back({close, close, std::string(any ? ", " : "") + ".param .u32 " + parameter});
    set.text = apply(text, std::move(edits));
  }
  return set;
}

std::string hybridrt::emulator::onlyKernel(const std::string &text, const std::string &kernel) {
  std::string result;
  size_t at = 0;
  for (const Extent &extent : kernelsOf(text)) {
    result += text.substr(at, extent.begin - at);
    at = isNamed(text, extent, kernel) ? extent.begin : extent.end;
  }
  return result + text.substr(at);
}
