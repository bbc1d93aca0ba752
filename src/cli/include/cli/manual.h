// Texts that follow from the description of the verbs: --help, the man page, shell completion.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/verb.h"

namespace aeon::cli {

std::string program_help();
std::string group_help(const Group& group);
std::string verb_help(const Verb& verb);

// daos.1, in the man macros.
std::string man_page(std::string_view version);

// What makes `shell` (bash, zsh or fish) complete command lines; empty for another one. All three ask the program
// itself, by way of completions().
std::string completion_script(std::string_view shell);

// What may stand for the last of `words` (those after the program's name; the last may be empty). File names are
// left to the shell: then the only answer is kCompleteFiles.
inline constexpr std::string_view kCompleteFiles = "__files__";
std::vector<std::string> completions(std::span<const std::string> words);

}  // namespace aeon::cli
