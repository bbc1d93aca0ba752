#include <algorithm>

#include "cli/invocation.h"
#include "cli/manual.h"

namespace aeon::cli {
namespace {

const Option* find_option(const Program& program, const Verb* verb, std::string_view word) {
  const auto is_it = [&](const Option& option) {
    return word == option.name || word == option.short_name || (!option.alias.empty() && word == option.alias);
  };
  for (const Option& option : program.options) {
    if (is_it(option)) return &option;
  }
  if (verb == nullptr) return nullptr;
  for (const Option& option : verb->options) {
    if (is_it(option)) return &option;
  }
  return nullptr;
}

// What was typed before the word to complete.
struct Typed {
  const Group* group = nullptr;
  const Verb* verb = nullptr;
  const Option* open_option = nullptr;  // Waits for its value.
  std::vector<std::string> arguments;
  std::string local;
  bool is_wrong = false;
};

Typed read_words(const Program& program, std::span<const std::string> words) {
  Typed typed;
  for (const std::string& word : words) {
    if (typed.open_option != nullptr) {
      if (typed.open_option->name == "--local") typed.local = word;
      typed.open_option = nullptr;
    } else if (word.starts_with('-')) {
      if (word.starts_with("--local=")) typed.local = word.substr(8);
      const Option* option = find_option(program, typed.verb, word);
      if (option != nullptr && !option->value.empty()) typed.open_option = option;
    } else if (typed.verb != nullptr) {
      typed.arguments.push_back(word);
    } else if (typed.group != nullptr) {
      typed.verb = program.find_verb(typed.group->name, word);
      typed.is_wrong |= typed.verb == nullptr;
    } else {
      typed.group = program.find_group(word);
      if (typed.group == nullptr) typed.verb = program.find_verb("", word);
      typed.is_wrong |= typed.group == nullptr && typed.verb == nullptr;
    }
  }
  return typed;
}

// Names from the system, if it can be asked; a completion never complains.
std::vector<std::string> names(const Typed& typed, const std::string& pool) {
  Output output(daos_program().name, Output::Style::kJson);
  GivenValues given;
  if (!typed.local.empty()) given.options["--local"] = typed.local;
  Invocation invocation(daos_program(), *daos_program().find_verb("pool", "list"), given, output);
  std::vector<std::string> found;
  const auto system = invocation.system();
  if (!system.is_ok()) return found;
  if (pool.empty()) {
    const auto pools = invocation.run((*system)->list_pools());
    if (pools.is_ok()) {
      for (const client::PoolInfo& info : *pools)
        found.push_back(info.label.empty() ? info.id.to_string() : info.label);
    }
  } else {
    const auto connected = invocation.run((*system)->connect_pool(pool, client::Access::kReadOnly));
    if (connected.is_ok()) {
      const auto containers = invocation.run((*connected)->list_containers());
      if (containers.is_ok()) {
        for (const client::ContainerInfo& info : *containers) {
          found.push_back(info.label.empty() ? info.id.to_string() : info.label);
        }
      }
    }
  }
  ignore(invocation.close(), "completing a word writes nothing");
  return found;
}

// daos://POOL/CONTAINER/ as far as it is known; behind that, and for anything else, file names.
std::vector<std::string> paths(const Typed& typed, const std::string& word) {
  constexpr std::string_view kScheme = "daos://";
  if (!word.starts_with(kScheme)) {
    if (!word.empty() && kScheme.starts_with(word)) return {std::string(kScheme)};
    return {std::string(kCompleteFiles)};
  }
  const std::string rest = word.substr(kScheme.size());
  const size_t slash = rest.find('/');
  std::vector<std::string> found;
  if (slash == std::string::npos) {
    for (const std::string& name : names(typed, "")) found.push_back(std::string(kScheme) + name + "/");
  } else if (rest.find('/', slash + 1) == std::string::npos) {
    for (const std::string& name : names(typed, rest.substr(0, slash))) {
      found.push_back(std::string(kScheme) + rest.substr(0, slash + 1) + name + "/");
    }
  }
  return found;
}

std::vector<std::string> values(const Typed& typed, Completes completes, const std::vector<std::string_view>& choices,
                                const std::string& word) {
  switch (completes) {
    case Completes::kPool: return names(typed, "");
    case Completes::kContainer:
      return typed.arguments.empty() ? std::vector<std::string>() : names(typed, typed.arguments[0]);
    case Completes::kFile: return {std::string(kCompleteFiles)};
    case Completes::kPath: return paths(typed, word);
    case Completes::kChoice: return std::vector<std::string>(choices.begin(), choices.end());
    case Completes::kNothing: break;
  }
  return {};
}

std::vector<std::string> candidates(const Program& program, const Typed& typed, const std::string& word) {
  std::vector<std::string> found;
  if (typed.is_wrong) return found;
  if (typed.open_option != nullptr) {
    return values(typed, typed.open_option->completes, typed.open_option->choices, word);
  }
  if (word.starts_with('-')) {
    if (typed.verb != nullptr) {
      for (const Option& option : typed.verb->options) found.emplace_back(option.name);
    }
    for (const Option& option : program.options) found.emplace_back(option.name);
    return found;
  }
  if (typed.verb != nullptr) {
    if (typed.arguments.size() >= typed.verb->arguments.size()) return found;
    const Argument& argument = typed.verb->arguments[typed.arguments.size()];
    return values(typed, argument.completes, argument.choices, word);
  }
  for (const Verb& verb : program.verbs) {
    if (verb.group == (typed.group != nullptr ? typed.group->name : "")) found.emplace_back(verb.name);
  }
  if (typed.group == nullptr) {
    for (const Group& group : program.groups) found.emplace_back(group.name);
  }
  return found;
}

}  // namespace

std::vector<std::string> completions(const Program& program, std::span<const std::string> words) {
  const std::string word = words.empty() ? std::string() : words.back();
  const Typed typed = read_words(program, words.empty() ? words : words.first(words.size() - 1));
  std::vector<std::string> found = candidates(program, typed, word);
  std::erase_if(
      found, [&](const std::string& candidate) { return candidate != kCompleteFiles && !candidate.starts_with(word); });
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace aeon::cli
