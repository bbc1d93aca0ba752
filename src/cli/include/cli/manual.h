// Texts that follow from the description of the verbs: --help, the man page, shell completion.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/program.h"

namespace aeon::cli {

std::string program_help(const Program& program);
std::string group_help(const Program& program, const Group& group);
std::string verb_help(const Program& program, const Verb& verb);

// daos.1, say, in the man macros.
std::string man_page(const Program& program, std::string_view version);

// What makes `shell` (bash, zsh or fish) complete command lines; empty for another one. All three ask the program
// itself, by way of completions().
std::string completion_script(const Program& program, std::string_view shell);

// What may stand for the last of `words` (those after the program's name; the last may be empty). File names are
// left to the shell: then the only answer is kCompleteFiles.
inline constexpr std::string_view kCompleteFiles = "__files__";
std::vector<std::string> completions(const Program& program, std::span<const std::string> words);

}  // namespace aeon::cli
