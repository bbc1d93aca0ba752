// What a program can do, as data: parser, --help, man page and shell completion all follow this description.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace aeon::cli {

class Invocation;

enum class Completes { kNothing, kPool, kContainer, kFile, kPath, kChoice };

struct Argument {  // By position.
  std::string_view name;  // "POOL"
  std::string_view help;
  bool is_optional = false;
  Completes completes = Completes::kNothing;
  std::vector<std::string_view> choices = {};  // For kChoice.
};

struct Option {
  std::string_view name;   // "--epoch"
  std::string_view value;  // "EPOCH"; empty for a switch.
  std::string_view help;
  std::string_view short_name = {};  // "-e"
  std::string_view alias = {};       // A second long name that DAOS users know.
  Completes completes = Completes::kNothing;
  std::vector<std::string_view> choices = {};
  bool is_repeatable = false;  // Invocation::texts() has all that were given.
};

struct Group {
  std::string_view name;
  std::vector<std::string_view> aliases;
  std::string_view summary;
};

struct Verb {
  std::string_view group;  // Empty: a verb of its own, such as `version`.
  std::string_view name;
  std::vector<std::string_view> aliases;
  std::string_view summary;      // One line, no full stop.
  std::string_view description;  // Sentences; may be empty.
  std::vector<Argument> arguments;
  std::vector<Option> options;
  Status (*run)(Invocation&);

  std::string full_name() const;  // "container create"
  // "daos container create [OPTION]... POOL [LABEL]"
  std::string synopsis(std::string_view program) const;
};

// The verbs of one group each.
std::vector<Verb> system_verbs();
std::vector<Verb> pool_verbs();
std::vector<Verb> container_verbs();
std::vector<Verb> object_verbs();
std::vector<Verb> kv_verbs();
std::vector<Verb> filesystem_verbs();
std::vector<Verb> debug_verbs();
std::vector<Verb> program_verbs();  // Of every program.
std::vector<Verb> serving_verbs();  // Of `aeon`.
std::vector<Verb> certificate_verbs();

// Arguments and options that many verbs share.
Argument pool_argument();
Argument container_argument();
Option snap_option();
Option epoch_option();

}  // namespace aeon::cli
