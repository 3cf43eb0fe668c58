// A file with a fuzzer's bytes, for readers that take paths. It lives in a folder of this process alone, in memory
// where the machine has such a place.
#ifndef HYBRID_TEST_FUZZ_INPUTFILE_H
#define HYBRID_TEST_FUZZ_INPUTFILE_H
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace hybridfuzz {

class InputFolder {
public:
  InputFolder() {
    namespace fs = std::filesystem;
    std::error_code error;
    std::string name = fs::is_directory("/dev/shm", error) ? "/dev/shm/hybrid-fuzz-XXXXXX" : "/tmp/hybrid-fuzz-XXXXXX";
    if (!mkdtemp(name.data())) {
      std::perror(name.c_str());
      std::exit(1);
    }
    folder = name;
  }
  ~InputFolder() {
    std::error_code error;
    std::filesystem::remove_all(folder, error);
  }
  InputFolder(const InputFolder &) = delete;
  InputFolder &operator=(const InputFolder &) = delete;

  const std::string &path() const { return folder; }
  /// The path of a file with these bytes; replaces one of the same name.
  std::string write(const std::string &name, const void *data, size_t size) const {
    std::string path = folder + "/" + name;
    std::FILE *file = std::fopen(path.c_str(), "wb");
    if (!file || std::fwrite(data, 1, size, file) != size || std::fclose(file) != 0) {
      std::perror(path.c_str());
      std::exit(1);
    }
    return path;
  }

private:
  std::string folder;
};

} // namespace hybridfuzz
#endif
