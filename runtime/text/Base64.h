// Bytes written in base 64, as tokenizers' files hold them.
#ifndef HYBRID_RUNTIME_TEXT_BASE64_H
#define HYBRID_RUNTIME_TEXT_BASE64_H
#include <string>
#include <string_view>

namespace hybridrt {

/// An Error that begins with `where` if the text is none.
std::string decodeBase64(std::string_view text, const std::string &where);

} // namespace hybridrt
#endif
