// The command line, parsed as the description of the program's verbs says, becomes one Invocation.

#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>

#include "base/log.h"
#include "cli/interrupt.h"
#include "cli/invocation.h"
#include "cli/manual.h"

namespace aeon::cli {
namespace {

constexpr int kExitUsage = 2;

// Where CLI11 puts what it finds; the addresses must stay, so these live in maps and behind pointers.
struct ParsedVerb {
  const Verb* verb = nullptr;
  CLI::App* app = nullptr;
  std::map<std::string, std::string> arguments;
  std::map<std::string, std::string> options;
  std::map<std::string, bool> switches;
};

class CommandLine {
 public:
  explicit CommandLine(const Program& program) : program_(program), app_("", std::string(program.name)) {
    app_.set_help_flag("-h,--help");
    app_.require_subcommand(1);
    app_.fallthrough();
    add_options(app_, program.options, global_);
    for (const Group& group : program.groups) {
      CLI::App* app = app_.add_subcommand(std::string(group.name));
      for (const std::string_view alias : group.aliases) app->alias(std::string(alias));
      app->require_subcommand(1);
      app->fallthrough();
      group_apps_[std::string(group.name)] = app;
    }
    for (const Verb& verb : program.verbs) add_verb(verb);
  }

  const Program& program() const { return program_; }

  void parse(int argc, char** argv) { app_.parse(argc, argv); }

  // The verb that was named, as far as parsing got; null if none was.
  const ParsedVerb* verb() const {
    for (const auto& parsed : verbs_) {
      if (parsed->app->parsed()) return parsed.get();
    }
    return nullptr;
  }
  const Group* group() const {
    for (const auto& [name, app] : group_apps_) {
      if (app->parsed()) return program_.find_group(name);
    }
    return nullptr;
  }

  GivenValues given(const ParsedVerb& parsed) const {
    GivenValues given;
    for (const Argument& argument : parsed.verb->arguments) {
      const std::string name(argument.name);
      if (parsed.app->get_option(name)->count() > 0) given.arguments[name] = parsed.arguments.at(name);
    }
    take_options(*parsed.app, parsed.verb->options, parsed, given);
    take_options(app_, program_.options, global_, given);
    return given;
  }

 private:
  static std::string flag_names(const Option& option) {
    std::string names;
    for (const std::string_view name : {option.short_name, option.name, option.alias}) {
      if (!name.empty()) names += (names.empty() ? "" : ",") + std::string(name);
    }
    return names;
  }

  static void add_options(CLI::App& app, const std::vector<Option>& options, ParsedVerb& into) {
    for (const Option& option : options) {
      const std::string name(option.name);
      if (name == "--help") continue;  // CLI11 has it already.
      if (option.value.empty()) {
        app.add_flag(flag_names(option), into.switches[name]);
      } else {
        CLI::Option* const added = app.add_option(flag_names(option), into.options[name])->expected(1);
        if (option.is_repeatable) added->join('\n');
      }
    }
  }

  void add_verb(const Verb& verb) {
    CLI::App& parent = verb.group.empty() ? app_ : *group_apps_.at(std::string(verb.group));
    auto parsed = std::make_unique<ParsedVerb>();
    parsed->verb = &verb;
    parsed->app = parent.add_subcommand(std::string(verb.name));
    for (const std::string_view alias : verb.aliases) parsed->app->alias(std::string(alias));
    parsed->app->fallthrough();
    for (const Argument& argument : verb.arguments) {
      const std::string name(argument.name);
      auto* option = parsed->app->add_option(name, parsed->arguments[name])->expected(1);
      if (!argument.is_optional) option->required();
    }
    add_options(*parsed->app, verb.options, *parsed);
    verbs_.push_back(std::move(parsed));
  }

  static void take_options(const CLI::App& app, const std::vector<Option>& options, const ParsedVerb& parsed,
                           GivenValues& given) {
    for (const Option& option : options) {
      const std::string name(option.name);
      if (name == "--help" || app.get_option(name)->count() == 0) continue;
      given.options[name] = option.value.empty() ? std::string() : parsed.options.at(name);
    }
  }

  const Program& program_;
  CLI::App app_;
  ParsedVerb global_;
  std::map<std::string, CLI::App*> group_apps_;
  std::vector<std::unique_ptr<ParsedVerb>> verbs_;
};

// How many single-letter changes lie between two words.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
  std::string_view best;
  size_t best_distance = 3;  // Farther is another word.
  for (const std::string_view candidate : candidates) {
    const size_t candidate_distance = distance(word, candidate);
    if (candidate_distance < best_distance) {
      best_distance = candidate_distance;
      best = candidate;
    }
  }
  return best.empty() ? std::string() : fmt::format(" Did you mean '{}'?", best);
}

std::vector<std::string_view> commands_of(const Program& program, const Group* group) {
  std::vector<std::string_view> names;
  for (const Verb& verb : program.verbs) {
    if (verb.group == (group != nullptr ? group->name : "")) names.push_back(verb.name);
  }
  if (group == nullptr) {
    for (const Group& each : program.groups) names.push_back(each.name);
  }
  return names;
}

// The first word of the command line, or behind the group's name, that isn't an option.
std::string unknown_command(int argc, char** argv, const Group* group) {
  bool group_seen = group == nullptr;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--local") {
      ++i;
    } else if (!word.starts_with('-')) {
      if (group_seen) return std::string(word);
      group_seen = true;
    }
  }
  return {};
}

struct UsageError {
  std::string what;
  std::string message;
};

UsageError describe(const CommandLine& line, const CLI::ParseError& error, int argc, char** argv) {
  const std::string_view program = line.program().name;
  if (const ParsedVerb* parsed = line.verb()) {
    const std::string name = parsed->verb->full_name();
    return {name, fmt::format("{}; usage: {}; '{} {} --help' says more", error.what(), parsed->verb->synopsis(program),
                              program, name)};
  }
  const Group* group = line.group();
  const std::string what = group != nullptr ? std::string(group->name) : std::string();
  const std::string help = fmt::format("'{}{}{} --help' lists them", program, what.empty() ? "" : " ", what);
  const std::string word = unknown_command(argc, argv, group);
  if (word.empty()) return {what, fmt::format("a command is missing; {}", help)};
  return {what, fmt::format("no command '{}'; {}.{}", printable(word), help,
                            nearest(word, commands_of(line.program(), group)))};
}

bool wants_json(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--") return false;
    if (word == "--json" || word == "-j") return true;
  }
  return false;
}

int fail_usage(const Program& program, const UsageError& error, bool is_json) {
  Output output(program.name, is_json ? Output::Style::kJson : Output::Style::kLines);
  output.finish(error.what, Status(Code::kInvalidArgument, error.message));
  return kExitUsage;
}

int show_help(const CommandLine& line) {
  Output output(line.program().name, Output::Style::kLines);
  if (const ParsedVerb* parsed = line.verb()) {
    output.write_raw(verb_help(line.program(), *parsed->verb));
  } else if (const Group* group = line.group()) {
    output.write_raw(group_help(line.program(), *group));
  } else {
    output.write_raw(program_help(line.program()));
  }
  return output.finish("help", ok());
}

int run_verb(const CommandLine& line, const ParsedVerb& parsed) {
  const GivenValues given = line.given(parsed);
  const auto style = given.options.contains("--json")    ? Output::Style::kJson
                     : given.options.contains("--quiet") ? Output::Style::kQuietLines
                                                         : Output::Style::kLines;
  Output output(line.program().name, style);
  Invocation invocation(line.program(), *parsed.verb, given, output);
  Status status = parsed.verb->run(invocation);
  const Status closed = invocation.close();
  if (status.is_ok()) status = closed;
  const int exit_code = output.finish(parsed.verb->full_name(), status);
  const bool is_usage = status.code() == Code::kInvalidArgument && !invocation.has_used_system();
  return is_usage ? kExitUsage : exit_code;
}

int complete(const Program& program, int argc, char** argv) {
  const std::vector<std::string> words(argv + 2, argv + argc);
  log::set_level(log::Level::kOff);
  for (const std::string& answer : completions(program, words)) fmt::print("{}\n", answer);
  return 0;
}

}  // namespace

int run_program(const Program& program, int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);  // A reader that went away is an error of the write.
  watch_for_interrupt();
  // What goes wrong is said once, in the one line at the end.
  if (std::getenv("AEON_LOG_LEVEL") == nullptr) log::set_level(log::Level::kOff);
  if (argc >= 2 && std::string_view(argv[1]) == "__complete") return complete(program, argc, argv);
  CommandLine line(program);
  if (argc == 1) return show_help(line);
  try {
    line.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return show_help(line);
  } catch (const CLI::ParseError& error) {
    return fail_usage(program, describe(line, error, argc, argv), wants_json(argc, argv));
  }
  return run_verb(line, *line.verb());
}

}  // namespace aeon::cli
