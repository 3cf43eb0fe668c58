// The scan that untrusted texts pass before a parser sees them.
#include "hybrid/Support/TextScan.h"
#include "gtest/gtest.h"
using namespace mlir::hybrid;

static std::string scan(std::string_view text, TextFormat format, TextLimits limits = {}) {
  std::optional<TextError> error = scanText(text, format, limits);
  return error ? formatTextError("f", *error) : "";
}

static std::string repeat(std::string_view text, int count) {
  std::string result;
  for (int i = 0; i < count; ++i)
    result += text;
  return result;
}

TEST(TextScan, NestingOfBrackets) {
  EXPECT_EQ(scan(repeat("[", 64) + repeat("]", 64), TextFormat::json), "");
  EXPECT_EQ(scan("\n" + repeat("[", 65), TextFormat::json), "f:2:65: error: expected nesting of at most 64 levels");
  EXPECT_NE(scan(repeat("{a: ", 65), TextFormat::yaml), "");
  // Closed brackets count no more.
  EXPECT_EQ(scan(repeat("[]", 1000), TextFormat::json), "");
}

TEST(TextScan, BracketsInStringsDoNotCount) {
  EXPECT_EQ(scan("\"" + repeat("[", 100) + "\\\"" + repeat("[", 100) + "\"", TextFormat::json), "");
  EXPECT_EQ(scan("a: '" + repeat("[", 100) + "'", TextFormat::yaml), "");
  EXPECT_EQ(scan("# " + repeat("[", 100) + "\na: b", TextFormat::yaml), "");
  // Nor do strings close what is open: this is one level deeper each time.
  EXPECT_NE(scan(repeat("[ \"]\", ", 65), TextFormat::json), "");
  EXPECT_NE(scan(repeat("[ ']', ", 65), TextFormat::yaml), "");
  // An apostrophe within a word opens no string.
  EXPECT_NE(scan("a: don't " + repeat("\n", 1) + "b: " + repeat("[", 65), TextFormat::yaml), "");
}

TEST(TextScan, NestingOfBlocks) {
  std::string steps;
  for (int i = 0; i < 65; ++i)
    steps += std::string(i, ' ') + "a:\n";
  EXPECT_EQ(scan(steps, TextFormat::yaml), "f:65:65: error: expected nesting of at most 64 levels");
  EXPECT_NE(scan(repeat("- ", 65) + "x", TextFormat::yaml), "");
  EXPECT_EQ(scan(repeat("- a: b\n", 1000), TextFormat::yaml), "");
  EXPECT_EQ(scan(repeat("a:\n  b:\n    c: d\n", 1000), TextFormat::yaml), "");
}

TEST(TextScan, SizeAndBytes) {
  TextLimits limits;
  limits.maxBytes = 3;
  EXPECT_EQ(scan("abc", TextFormat::yaml, limits), "");
  EXPECT_EQ(scan("abcd", TextFormat::yaml, limits), "f:1:1: error: expected at most 3 bytes of text, got 4");
  EXPECT_EQ(scan(std::string_view("a\n\0", 3), TextFormat::json), "f:2:1: error: unexpected NUL byte in text");
}
