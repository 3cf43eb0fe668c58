// Weights from files that may be anything: what is valid reads back exactly, and whatever is not is an error.
#include "lib/Artifact/Checkpoint.h"
#include "lib/Artifact/Float.h"
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace hybridrt;

namespace {
class SafetensorsTest : public testing::Test {
protected:
  void SetUp() override {
    char name[] = "/tmp/hybrid-safetensors-XXXXXX";
    folder = mkdtemp(name);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::string path(const std::string &name = "model.safetensors") const { return folder + "/" + name; }
  std::string put(const std::string &bytes, const std::string &name = "model.safetensors") const {
    std::ofstream(path(name), std::ios::binary) << bytes;
    return path(name);
  }
  static std::string file(const std::string &header, size_t data) {
    uint64_t size = header.size();
    return std::string(reinterpret_cast<char *>(&size), 8) + header + std::string(data, '\1');
  }
  /// A message with F for the test's folder.
  std::string inFolder(std::string text) const {
    for (size_t at; (at = text.find(folder)) != std::string::npos;)
      text.replace(at, folder.size(), "F");
    return text;
  }
  std::string errorOf(const std::string &bytes) const { return inFolder(Safetensors::open(put(bytes)).error()); }

  std::string folder;
};
} // namespace

TEST_F(SafetensorsTest, ReadsWhatItWrites) {
  float weights[6] = {1, -2, 3.5, 4, 5, 6};
  int64_t ids[3] = {7, 8, -9};
  SafetensorsWriter writer(path(), {{"w", ElementType::f32, {2, 3}}, {"ids", ElementType::i64, {3}}});
  EXPECT_FALSE(std::filesystem::exists(path())) << "visible before it is complete";
  writer.append(weights, sizeof weights);
  writer.append(ids, sizeof ids);
  writer.commit();
  Result<Safetensors> file = Safetensors::open(path());
  ASSERT_TRUE(file) << file.error();
  const TensorView *w = file->find("w"), *i = file->find("ids");
  ASSERT_TRUE(w && i);
  EXPECT_EQ(w->describe(), "F32 [2, 3]");
  float back[2];
  w->readFloats(2, 2, back);
  EXPECT_EQ(back[0], 3.5f);
  EXPECT_EQ(std::memcmp(i->bytes.data(), ids, sizeof ids), 0);
  EXPECT_EQ(file->find("v"), nullptr);
  EXPECT_THROW(i->readFloats(0, 1, back), Error);
}

TEST_F(SafetensorsTest, AbandonedFileLeavesNothing) {
  {
    SafetensorsWriter writer(path(), {{"w", ElementType::f32, {2, 3}}});
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  SafetensorsWriter writer(path(), {{"w", ElementType::f32, {2, 3}}});
  EXPECT_THROW(writer.commit(), Error);
}

TEST_F(SafetensorsTest, EveryTruncationIsAnError) {
  std::string whole = file(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8);
  ASSERT_EQ(errorOf(whole), "");
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_NE(errorOf(whole.substr(0, size)), "") << size;
}

TEST_F(SafetensorsTest, NoByteOfTheHeaderCrashesIt) {
  std::string whole = file(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8);
  for (size_t i = 0; i < whole.size() - 8; ++i)
    for (char c : {'\0', '"', '9', '{', '\xff', '-'}) {
      std::string damaged = whole;
      damaged[i] = c;
      if (Result<Safetensors> result = Safetensors::open(put(damaged)))
        for (auto &[name, view] : result->tensors())
          EXPECT_EQ(view.bytes.size(), size_t(view.elements()) * 4);
    }
}

TEST_F(SafetensorsTest, MessagesNameTheCulprit) {
  auto header = [](const char *tensor) { return std::string("{\"a\":") + tensor + "}"; };
  const struct {
    std::string bytes;
    const char *message;
  } cases[] = {
      {"", "'F/model.safetensors' is empty; expected a safetensors file"},
      {"1234567", "'F/model.safetensors' is truncated: expected an 8-byte header size, found 7 bytes"},
      {std::string(8, '\xff'), "'F/model.safetensors': header of 18446744073709551615 bytes exceeds the format's limit "
                               "of 100000000; is this a safetensors file?"},
      {file("{}", 0).substr(0, 9), "'F/model.safetensors' is truncated: expected a header of 2 bytes, found 1"},
      {file("[]", 0), "'F/model.safetensors': expected the header to be a JSON object"},
      {file("{", 0), "F/model.safetensors:1:2: invalid JSON: syntax error while parsing object key - unexpected end of "
                     "input; expected string literal"},
      {file(std::string(200, '['), 0), "F/model.safetensors:1:65: JSON nests more than 64 deep"},
      {file(header("3"), 0), "'F/model.safetensors': tensor 'a': expected an object with 'dtype', 'shape' and "
                             "'data_offsets'"},
      {file(header(R"({"dtype":32,"shape":[2],"data_offsets":[0,8]})"), 8),
       "'F/model.safetensors': tensor 'a': expected 'dtype' to be a string"},
      {file(header(R"({"dtype":"F33","shape":[2],"data_offsets":[0,8]})"), 8),
       "'F/model.safetensors': tensor 'a': unknown dtype 'F33'"},
      {file(header(R"({"dtype":"F32","shape":2,"data_offsets":[0,8]})"), 8),
       "'F/model.safetensors': tensor 'a': expected 'shape' to be a list of extents"},
      {file(header(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"), 8),
       "'F/model.safetensors': tensor 'a': expected an extent of at least 0, found -2"},
      {file(header(R"({"dtype":"F32","shape":[2.5],"data_offsets":[0,8]})"), 8),
       "'F/model.safetensors': tensor 'a': expected an extent of at least 0, found 2.5"},
      {file(header(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]})"), 0),
       "'F/model.safetensors': tensor 'a': shape [4294967296,4294967296] has more elements than the file has bytes"},
      {file(header(R"({"dtype":"F32","shape":[2],"data_offsets":8})"), 8),
       "'F/model.safetensors': tensor 'a': expected 'data_offsets' to be two offsets"},
      {file(header(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})"), 8),
       "'F/model.safetensors': tensor 'a': F32 [3] takes 12 bytes, found 8"},
      {file(header(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"), 8),
       "'F/model.safetensors': tensor 'a': data begins at 8 and ends at 0"},
      {file(header(R"({"dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551615]})"), 8),
       "'F/model.safetensors': tensor 'a': data ends at byte 18446744073709551615, but the file holds 8 bytes of data; "
       "is it truncated?"},
      {file(header(R"({"dtype":"F32","shape":[2],"data_offsets":[4,12]})"), 12),
       "'F/model.safetensors': tensor 'a' begins at byte 4, after a gap from 0"},
      {file(header(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})"), 8),
       "'F/model.safetensors': tensors end at byte 4 of the data, but the file holds 8"},
      {file(
           R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
           12),
       "'F/model.safetensors': tensor 'b' begins at byte 4, inside the tensor before it, which ends at 8"},
  };
  for (auto &[bytes, message] : cases)
    EXPECT_EQ(errorOf(bytes), message);
}

TEST_F(SafetensorsTest, FilesThatAreNone) {
  std::filesystem::create_directory(folder + "/sub");
  EXPECT_EQ(inFolder(Safetensors::open(folder + "/sub").error()), "expected 'F/sub' to be a file, found a folder");
  EXPECT_EQ(Safetensors::open("/dev/null").error(), "expected '/dev/null' to be a file, found a device or a pipe");
  EXPECT_EQ(inFolder(Safetensors::open(folder + "/none").error()), "cannot open 'F/none': No such file or directory");
}

TEST_F(SafetensorsTest, WritersSayWhatIsWrong) {
  auto messageOf = [&](auto &&function) { return inFolder(capture(function).error()); };
  SafetensorsWriter writer(path(), {{"w", ElementType::f32, {2}}});
  EXPECT_EQ(messageOf([&] { writer.append("123456789", 9); }), "more data than the tensors' shapes hold");
  EXPECT_EQ(messageOf([&] { writer.commit(); }), "8 bytes of the tensors' data were never written");
  EXPECT_EQ(messageOf([&] { FileWriter(folder + "/none/x"); }), "cannot write 'F/none/x': No such file or directory");
  EXPECT_EQ(messageOf([&] { writeFile(folder, "x", 1); }), "cannot write 'F': Is a directory");
  EXPECT_EQ(messageOf([&] { FileWriter(path()).resize(uint64_t(1) << 62); }),
            "cannot reserve 4611686018427387904 bytes for 'F/model.safetensors': File too large");
}

// Writing to a device must not put a file in its place.
TEST_F(SafetensorsTest, DevicesStayDevices) {
  writeFile("/dev/null", "x", 1);
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
  EXPECT_EQ(capture([&] { writeFile("/dev/full", "x", 1); }).error(),
            "cannot write '/dev/full': No space left on device");
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/full"));
}

TEST_F(SafetensorsTest, FoldersAndShards) {
  auto errorOfFolder = [&](const std::string &name = "") { return inFolder(Checkpoint::open(folder + name).error()); };
  EXPECT_EQ(errorOfFolder("/none"), "no weights at 'F/none': there is no such file or folder");
  EXPECT_EQ(errorOfFolder(), "no weights in 'F': expected model.safetensors or model.safetensors.index.json");
  put(file(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8), "one.safetensors");
  put(file(R"({"b":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}})", 4), "two.safetensors");
  const std::string index = "model.safetensors.index.json";
  put(R"({"weight_map":{"a":"one.safetensors","b":"two.safetensors"}})", index);
  Result<Checkpoint> checkpoint = Checkpoint::open(folder);
  ASSERT_TRUE(checkpoint) << checkpoint.error();
  EXPECT_EQ(checkpoint->tensors().size(), 2u);
  EXPECT_EQ(checkpoint->find("b")->describe(), "BF16 [2]");
  put("[]", index);
  EXPECT_EQ(errorOfFolder(), "'F/model.safetensors.index.json': expected an object 'weight_map' from tensors to files");
  put(R"({"weight_map":{}})", index);
  EXPECT_EQ(errorOfFolder(), "'F/model.safetensors.index.json' names no file");
  put(R"({"weight_map":{"a":"two.safetensors"}})", index);
  EXPECT_EQ(errorOfFolder(), "'F/model.safetensors.index.json' places tensor 'a' in 'F/two.safetensors', which does "
                             "not hold it");
  put(R"({"weight_map":{"a":"../one.safetensors"}})", index);
  EXPECT_EQ(errorOfFolder(), "'F/model.safetensors.index.json': tensor 'a': expected the name of a file in the same "
                             "folder, found \"../one.safetensors\"");
  put(R"({"weight_map":{"a":"gone.safetensors"}})", index);
  EXPECT_EQ(errorOfFolder(), "cannot open 'F/gone.safetensors': No such file or directory");
  put(file(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8), "two.safetensors");
  put(R"({"weight_map":{"a":"one.safetensors","b":"two.safetensors"}})", index);
  EXPECT_EQ(errorOfFolder(), "tensor 'a' is in 'F/two.safetensors' and in another file of 'F'");
}

TEST_F(SafetensorsTest, IdentityFollowsContent) {
  put(file(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8));
  uint64_t before = Checkpoint::open(folder).get().identity();
  EXPECT_EQ(before, Checkpoint::open(folder).get().identity());
  put(file(R"({"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8));
  EXPECT_NE(before, Checkpoint::open(folder).get().identity());
}

TEST(FloatTest, SixteenBitFormatsRoundToNearestEven) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    float half = fromFloat16(bits), brain = fromBFloat16(bits);
    if (std::isnan(half))
      EXPECT_TRUE(std::isnan(fromFloat16(toFloat16(half))));
    else
      EXPECT_EQ(toFloat16(half), bits);
    if (!std::isnan(brain))
      EXPECT_EQ(toBFloat16(brain), bits);
  }
  EXPECT_EQ(fromFloat16(0x3c00), 1.0f);
  EXPECT_EQ(fromFloat16(0x0001), 0x1p-24f);
  EXPECT_EQ(toFloat16(1 + 0x1p-11f), 0x3c00) << "ties go to even";
  EXPECT_EQ(toFloat16(1 + 0x3p-11f), 0x3c02);
  EXPECT_EQ(toFloat16(65519.0f), 0x7bff);
  EXPECT_EQ(toFloat16(65520.0f), 0x7c00);
  EXPECT_EQ(toFloat16(-0x1p-25f), 0x8000);
  EXPECT_EQ(toFloat16(0x3p-25f), 0x0002);
  EXPECT_EQ(toBFloat16(1 + 0x1p-8f), 0x3f80);
  EXPECT_EQ(toBFloat16(1 + 0x3p-8f), 0x3f82);
  EXPECT_TRUE(std::isnan(fromBFloat16(toBFloat16(std::bit_cast<float>(0x7f800001)))));
}
