// Runs a fuzz target without libFuzzer: over every file of its corpus, and over seeded mutations of
// each, so that the corpus is a test under every compiler and sanitizer.
//
//   record_fuzz CORPUS_FOLDER_OR_FILE...

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr int kMutationsPerInput = 200;

// SplitMix64. The seed is fixed: a replay is the same on every machine.
class Mutator {
 public:
  Bytes mutate(Bytes bytes) {
    if (bytes.empty() || next(8) == 0) {
      bytes.push_back(static_cast<std::uint8_t>(next(256)));
      return bytes;
    }
    for (std::uint64_t edits = 1 + next(4); edits > 0; --edits) {
      std::uint8_t& byte = bytes[next(bytes.size())];
      switch (next(4)) {
        case 0: byte = static_cast<std::uint8_t>(byte ^ (1U << next(8))); break;
        case 1: byte = 0; break;
        case 2: byte = 0xff; break;
        default: byte = static_cast<std::uint8_t>(next(256)); break;
      }
    }
    if (next(4) == 0) bytes.resize(next(bytes.size() + 1));
    return bytes;
  }

 private:
  std::uint64_t next(std::uint64_t bound) {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
    return (mixed ^ (mixed >> 31)) % bound;
  }

  std::uint64_t state_ = 1;
};

// Files in name order, so that the mutations don't depend on how the directory lists them.
std::vector<std::filesystem::path> files_below(const std::filesystem::path& path) {
  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_regular_file(path)) files.push_back(path);
  if (std::filesystem::is_directory(path)) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

void run(const Bytes& bytes) { LLVMFuzzerTestOneInput(bytes.data(), bytes.size()); }

}  // namespace

int main(int argc, char** argv) {
  Mutator mutator;
  std::vector<Bytes> inputs = {Bytes{}, Bytes(64, 0), Bytes(4096, 0xff)};
  for (int index = 1; index < argc; ++index) {
    if (!std::filesystem::exists(argv[index])) {
      std::fprintf(stderr, "no corpus or input %s\n", argv[index]);
      return 1;
    }
    for (const auto& path : files_below(argv[index])) {
      std::ifstream file(path, std::ios::binary);
      if (!file) {
        std::fprintf(stderr, "cannot read %s\n", path.c_str());
        return 1;
      }
      inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
  }
  for (const Bytes& input : inputs) {
    run(input);
    for (int count = 0; count < kMutationsPerInput; ++count) run(mutator.mutate(input));
  }
  std::printf("replayed %zu inputs and %d mutations of each\n", inputs.size(), kMutationsPerInput);
  return 0;
}
