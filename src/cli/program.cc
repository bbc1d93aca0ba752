#include "cli/program.h"

#include <algorithm>

namespace aeon::cli {
namespace {

bool is_named(std::string_view wanted, std::string_view name, const std::vector<std::string_view>& aliases) {
  return wanted == name || std::find(aliases.begin(), aliases.end(), wanted) != aliases.end();
}

std::vector<Verb> join(const std::vector<std::vector<Verb>>& lists) {
  std::vector<Verb> all;
  for (const std::vector<Verb>& list : lists) all.insert(all.end(), list.begin(), list.end());
  return all;
}

std::vector<Option> common_options(std::string_view local_help) {
  return {
      {.name = "--local", .value = "DIR", .help = local_help, .completes = Completes::kFile},
      {.name = "--json", .value = "", .help = "answer with one JSON object on standard output", .short_name = "-j"},
      {.name = "--quiet", .value = "", .help = "no progress and no remarks; lists only names", .short_name = "-q"},
      {.name = "--help", .value = "", .help = "say how this is used, and stop", .short_name = "-h"},
  };
}

}  // namespace

const Group* Program::find_group(std::string_view word) const {
  for (const Group& group : groups) {
    if (is_named(word, group.name, group.aliases)) return &group;
  }
  return nullptr;
}

const Verb* Program::find_verb(std::string_view group, std::string_view word) const {
  for (const Verb& verb : verbs) {
    if (verb.group == group && is_named(word, verb.name, verb.aliases)) return &verb;
  }
  return nullptr;
}

const Program& daos_program() {
  static const Program kProgram = {
      .name = "daos",
      .summary = "pools, containers, objects and files of an Aeon system",
      .notes =
          "A path in a container is written daos://POOL/CONTAINER/PATH; pool and container by label or uuid. "
          "Sizes may have a unit: 64K, 10M, 2G (powers of 1024). Epochs are numbers, hexadecimal after 0x.",
      .groups =
          {
              {"system", {}, "make a local system, ask about one"},
              {"pool", {}, "what a system's pools hold"},
              {"container", {"cont"}, "make, list, change, snapshot, check and destroy containers"},
              {"object", {"obj"}, "look at objects"},
              {"kv", {}, "keys and values in one object"},
              {"filesystem", {"fs"}, "files and directories in containers of type POSIX"},
              {"debug", {}, "look into a store that nobody has open, without changing it"},
          },
      .verbs = join({system_verbs(), pool_verbs(), container_verbs(), object_verbs(), kv_verbs(), filesystem_verbs(),
                     debug_verbs(), program_verbs()}),
      .options =
          common_options("work on the local system in DIR; without it, on the one that AEON_SYSTEM names (local:DIR)"),
      .examples =
          {
              {"export AEON_SYSTEM=local:$HOME/store", "Work on a local system, made on first use, without a daemon."},
              {"daos container create default home --type POSIX", "Make a container for files."},
              {"daos filesystem copy ~/documents daos://default/home/documents", "Copy a directory tree into it."},
              {"daos container create-snap default home --snap monday", "Keep how it is now."},
              {"daos filesystem copy --snap monday daos://default/home/documents ~/restored",
               "Copy back what was kept."},
              {"daos container check default home", "Read everything and verify its checksums."},
          },
  };
  return kProgram;
}

const Program& aeon_program() {
  static const Program kProgram = {
      .name = "aeon",
      .summary = "serve the system in a directory to other processes, and take it back",
      .notes =
          "DIR is the directory of a local system; without it, the one that --local or AEON_SYSTEM (local:DIR) names. "
          "While it is served, programs reach it by the same name as before.",
      .groups = {},
      .verbs = join({serving_verbs(), certificate_verbs(), program_verbs()}),
      .options = common_options("the local system in DIR; without it, the one that AEON_SYSTEM names (local:DIR)"),
      .examples =
          {
              {"aeon up ~/store", "Serve the system in ~/store; it is made if there is none."},
              {"AEON_SYSTEM=local:$HOME/store daos container list default", "Use it, from any number of processes."},
              {"aeon status ~/store", "See whether it is served, by whom, and what it holds."},
              {"aeon down ~/store", "Take it back: the next program to open it has it for itself."},
          },
  };
  return kProgram;
}

}  // namespace aeon::cli
