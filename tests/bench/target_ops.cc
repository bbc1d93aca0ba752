// What the store of one target does by itself, without client and rpc.
//
//   target_ops DIRECTORY SECONDS CASE...     SECONDS for each measured loop; without arguments: the cases
//
// Prints a JSON line for each thing measured: {"case": …, numbers}. CPU time is that of the whole process, the kernel's
// work for it included.

#include <map>
#include <string>

#include "target_cases.h"

namespace aeon::bench {
namespace {

using Body = void (*)(const Run&);

const std::map<std::string, Body>& cases() {
  static const std::map<std::string, Body> all{{"small_puts", small_puts},       {"small_gets", small_gets},
                                               {"large_index", large_index},     {"memory_file", memory_file},
                                               {"random_4k", random_4k},         {"random_4k_of_64k", random_4k_of_64k},
                                               {"sequential_1m", sequential_1m}, {"history", history},
                                               {"write_volume", write_volume},   {"listing", listing},
                                               {"snapshots", snapshots},         {"opening", opening}};
  return all;
}

Body find_case(const std::string& name) {
  if (name == "fill_large_index") return fill_large_index;
  if (name == "fill_until_killed") return fill_until_killed;
  const auto found = cases().find(name);
  if (found == cases().end()) fail(fmt::format("no case '{}'", name));
  return found->second;
}

}  // namespace
}  // namespace aeon::bench

int main(int argc, char** argv) {
  using namespace aeon::bench;
  if (argc == 1) {
    for (const auto& [name, body] : cases()) fmt::print("{}\n", name);
    return 0;
  }
  if (argc < 4) fail("usage: target_ops DIRECTORY SECONDS CASE...");
  const Run run{.directory = argv[1], .seconds = std::strtod(argv[2], nullptr)};
  for (int i = 3; i < argc; ++i) find_case(argv[i])(run);
}
