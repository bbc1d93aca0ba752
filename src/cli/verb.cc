#include "cli/verb.h"

#include <algorithm>

namespace aeon::cli {
namespace {

bool is_named(std::string_view wanted, std::string_view name, const std::vector<std::string_view>& aliases) {
  return wanted == name || std::find(aliases.begin(), aliases.end(), wanted) != aliases.end();
}

}  // namespace

std::string Verb::full_name() const {
  return group.empty() ? std::string(name) : std::string(group) + " " + std::string(name);
}

std::string Verb::synopsis() const {
  std::string text = "daos " + full_name() + " [OPTION]...";
  for (const Argument& argument : arguments) {
    text += argument.is_optional ? " [" + std::string(argument.name) + "]" : " " + std::string(argument.name);
  }
  return text;
}

const std::vector<Group>& groups() {
  static const std::vector<Group> kGroups = {
      {"system", {}, "make a local system, ask about one"},
      {"pool", {}, "what a system's pools hold"},
      {"container", {"cont"}, "make, list, change, snapshot, check and destroy containers"},
      {"object", {"obj"}, "look at objects"},
      {"kv", {}, "keys and values in one object"},
      {"filesystem", {"fs"}, "files and directories in containers of type POSIX"},
      {"debug", {}, "look into a store that nobody has open, without changing it"},
  };
  return kGroups;
}

const std::vector<Verb>& verbs() {
  static const std::vector<Verb> kVerbs = [] {
    std::vector<Verb> all;
    for (auto list : {system_verbs, pool_verbs, container_verbs, object_verbs, kv_verbs, filesystem_verbs, debug_verbs,
                      program_verbs}) {
      for (Verb& verb : list()) all.push_back(std::move(verb));
    }
    return all;
  }();
  return kVerbs;
}

const std::vector<Option>& global_options() {
  static const std::vector<Option> kOptions = {
      {.name = "--local",
       .value = "DIR",
       .help = "work on the local system in DIR; without it, on the one that AEON_SYSTEM names (local:DIR)",
       .completes = Completes::kFile},
      {.name = "--json", .value = "", .help = "answer with one JSON object on standard output", .short_name = "-j"},
      {.name = "--quiet", .value = "", .help = "no progress and no remarks; lists only names", .short_name = "-q"},
      {.name = "--help", .value = "", .help = "say how this is used, and stop", .short_name = "-h"},
  };
  return kOptions;
}

const Group* find_group(std::string_view name) {
  for (const Group& group : groups()) {
    if (is_named(name, group.name, group.aliases)) return &group;
  }
  return nullptr;
}

const Verb* find_verb(std::string_view group, std::string_view name) {
  for (const Verb& verb : verbs()) {
    if (verb.group == group && is_named(name, verb.name, verb.aliases)) return &verb;
  }
  return nullptr;
}

Argument pool_argument() {
  return {.name = "POOL", .help = "label or uuid of the pool", .completes = Completes::kPool};
}

Argument container_argument() {
  return {.name = "CONTAINER", .help = "label or uuid of the container", .completes = Completes::kContainer};
}

Option snap_option() {
  return {.name = "--snap", .value = "NAME", .help = "as the snapshot of that name shows it", .short_name = "-s"};
}

Option epoch_option() {
  return {.name = "--epoch",
          .value = "EPOCH",
          .help = "as the snapshot at that epoch shows it",
          .short_name = "-e",
          .alias = "--epc"};
}

}  // namespace aeon::cli
