#include "Yaml.h"
#include "Json.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/YAMLParser.h"
using namespace mlir::hybrid;
using llvm::StringRef;
using llvm::Twine;

std::string YamlNode::describe() const {
  switch (kind) {
  case Kind::null:
    return "nothing";
  case Kind::scalar:
    return "'" + text + "'";
  case Kind::mapping:
    return "a mapping";
  case Kind::sequence:
    return "a list";
  }
  llvm_unreachable("covered switch");
}

const YamlEntry *YamlNode::find(StringRef key) const {
  auto it = llvm::find_if(entries, [&](const YamlEntry &entry) { return entry.key == key; });
  return it == entries.end() ? nullptr : &*it;
}

namespace {
/// Copies LLVM's lazily parsed nodes, in the one order in which they can be read. The first error ends the
/// copy.
class TreeBuilder {
public:
  TreeBuilder(StringRef path, StringRef text) : path(path), text(text) {
    sources.setDiagHandler(
        [](const llvm::SMDiagnostic &diagnostic, void *self) {
          static_cast<TreeBuilder *>(self)->fail(
              {size_t(std::max(diagnostic.getLineNo(), 1)), size_t(std::max(diagnostic.getColumnNo(), 0)) + 1},
              diagnostic.getMessage());
        },
        this);
  }

  llvm::Expected<YamlNode> run() {
    llvm::yaml::Stream stream(text, sources, /*ShowColors=*/false);
    YamlNode root;
    size_t documents = 0;
    for (llvm::yaml::Document &document : stream) {
      if (++documents > 1) {
        fail({1, 1}, "expected one YAML document, got several");
        break;
      }
      if (llvm::yaml::Node *node = document.getRoot())
        root = copy(*node);
      if (!error.empty())
        break;
    }
    if (error.empty() && stream.failed())
      fail({1, 1}, "expected YAML");
    if (!error.empty())
      return textError(error);
    return root;
  }

private:
  void fail(TextPosition position, const Twine &message) {
    if (error.empty())
      error = formatTextError(path.str(), {position, message.str()});
  }

  TextPosition positionAt(llvm::yaml::Node &node) const {
    const char *start = node.getSourceRange().Start.getPointer();
    if (!start || start < text.begin() || start > text.end())
      return {};
    return positionOf(text, start - text.begin());
  }

  YamlNode copy(llvm::yaml::Node &node) {
    YamlNode result;
    result.position = positionAt(node);
    if (!node.getAnchor().empty() || llvm::isa<llvm::yaml::AliasNode>(node)) {
      fail(result.position, "anchors and aliases are not supported");
      return result;
    }
    if (!node.getRawTag().empty()) {
      fail(result.position, "tags are not supported");
      return result;
    }
    if (auto *scalar = llvm::dyn_cast<llvm::yaml::ScalarNode>(&node)) {
      llvm::SmallString<64> storage;
      result.kind = YamlNode::Kind::scalar;
      result.text = scalar->getValue(storage).str();
      StringRef raw = scalar->getRawValue();
      result.quoted = raw.starts_with("'") || raw.starts_with("\"");
    } else if (auto *block = llvm::dyn_cast<llvm::yaml::BlockScalarNode>(&node)) {
      result.kind = YamlNode::Kind::scalar;
      result.text = block->getValue().str();
      result.quoted = true;
    } else if (auto *sequence = llvm::dyn_cast<llvm::yaml::SequenceNode>(&node)) {
      result.kind = YamlNode::Kind::sequence;
      for (llvm::yaml::Node &item : *sequence) {
        result.items.push_back(copy(item));
        if (!error.empty())
          break;
      }
    } else if (auto *mapping = llvm::dyn_cast<llvm::yaml::MappingNode>(&node)) {
      result.kind = YamlNode::Kind::mapping;
      for (llvm::yaml::KeyValueNode &pair : *mapping) {
        copyEntry(pair, result);
        if (!error.empty())
          break;
      }
    }
    return result;
  }

  void copyEntry(llvm::yaml::KeyValueNode &pair, YamlNode &mapping) {
    YamlEntry entry;
    llvm::yaml::Node *key = pair.getKey();
    if (!key)
      return fail(mapping.position, "expected a key");
    YamlNode keyNode = copy(*key);
    if (keyNode.kind != YamlNode::Kind::scalar)
      return fail(keyNode.position, "expected a key, got " + keyNode.describe());
    entry.key = keyNode.text;
    entry.position = keyNode.position;
    if (mapping.find(entry.key))
      return fail(entry.position, "key '" + entry.key + "' occurs twice");
    if (llvm::yaml::Node *value = pair.getValue())
      entry.value = copy(*value);
    if (entry.value.kind == YamlNode::Kind::null)
      entry.value.position = entry.position;
    mapping.entries.push_back(std::move(entry));
  }

  StringRef path, text;
  llvm::SourceMgr sources;
  std::string error;
};
} // namespace

llvm::Expected<YamlNode> mlir::hybrid::parseYaml(StringRef path, StringRef text) {
  return TreeBuilder(path, text).run();
}
