// A program of ours: its verbs, and what its help and manual say besides.
#pragma once

#include "cli/verb.h"

namespace aeon::cli {

struct Example {
  std::string_view command;
  std::string_view says;
};

struct Program {
  std::string_view name;     // "daos"
  std::string_view summary;  // One line, no full stop.
  std::string_view notes;    // Sentences, on arguments that many verbs take.
  std::vector<Group> groups;
  std::vector<Verb> verbs;
  std::vector<Option> options;  // That every verb takes.
  std::vector<Example> examples;

  // By name or alias; null if there is none.
  const Group* find_group(std::string_view word) const;
  const Verb* find_verb(std::string_view group, std::string_view word) const;
};

const Program& daos_program();
const Program& aeon_program();

// What main() does. Never throws.
int run_program(const Program& program, int argc, char** argv);

}  // namespace aeon::cli
