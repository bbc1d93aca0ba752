#include "cli/manual.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace aeon::cli {
namespace {

constexpr size_t kWidth = 100;

struct ExitCode {
  int code;
  std::string_view meaning;
};
constexpr ExitCode kExitCodes[] = {
    {0, "it worked"},
    {1, "it failed, or damage was found; standard error says what and how to go on"},
    {2, "the command line is wrong"},
};

std::string option_head(const Option& option) {
  std::string text = option.short_name.empty() ? "    " : std::string(option.short_name) + ", ";
  text += option.name;
  if (!option.alias.empty()) text += ", " + std::string(option.alias);
  if (!option.value.empty()) text += " " + std::string(option.value);
  return text;
}

std::string join(const std::vector<std::string_view>& words, std::string_view separator) {
  return fmt::format("{}", fmt::join(words, separator));
}

std::string help_with_choices(std::string_view help, const std::vector<std::string_view>& choices) {
  return choices.empty() ? std::string(help) : fmt::format("{} ({})", help, join(choices, ", "));
}

// Words of `text`, in lines that begin with `indent` blanks.
std::string wrap(std::string_view text, size_t indent, size_t first_indent) {
  std::string out(first_indent, ' ');
  size_t column = first_indent;
  bool at_start = true;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!at_start && column + 1 + word.size() > kWidth) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (!at_start) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    at_start = false;
  }
  return out + "\n";
}

std::string row(std::string_view head, std::string_view text, size_t column) {
  if (head.size() + 4 > column) {
    return fmt::format("  {}\n{}", head, wrap(text, column, column));
  }
  std::string line = fmt::format("  {:<{}}", head, column - 2);
  return line + wrap(text, column, 0);
}

std::string option_rows(const std::vector<Option>& options) {
  std::string text;
  for (const Option& option : options) {
    text += row(option_head(option), help_with_choices(option.help, option.choices), 30);
  }
  return text;
}

// Roff takes a dot or quote at the start of a line as a request, and eats backslashes; a dash may become a hyphen.
std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) {
      out += "\\&";
      out += c;
    } else {
      out += c;
    }
  }
  return out;
}

std::string roff_options(const std::vector<Option>& options) {
  std::string text;
  for (const Option& option : options) {
    std::string head;
    for (const std::string_view name : {option.short_name, option.name, option.alias}) {
      if (name.empty()) continue;
      head += fmt::format("{}\\fB{}\\fR", head.empty() ? "" : ", ", roff(name));
    }
    if (!option.value.empty()) head += fmt::format(" \\fI{}\\fR", roff(option.value));
    text += fmt::format(".TP\n{}\n{}\n", head, roff(help_with_choices(option.help, option.choices)));
  }
  return text;
}

std::string roff_verb(const Program& program, const Verb& verb) {
  const std::string name_text = fmt::format("{} {}", program.name, roff(verb.full_name()));
  std::string text = fmt::format(".SS \"{}\"\n\\fB{}\\fR [\\fIOPTION\\fR]...", name_text, name_text);
  for (const Argument& argument : verb.arguments) {
    const std::string name = fmt::format("\\fI{}\\fR", roff(argument.name));
    text += argument.is_optional ? " [" + name + "]" : " " + name;
  }
  text += fmt::format("\n.PP\n{}: {}.\n", roff(verb.full_name()), roff(verb.summary));
  if (!verb.description.empty()) text += roff(verb.description) + "\n";
  if (!verb.aliases.empty()) text += fmt::format("Also: {}.\n", roff(join(verb.aliases, ", ")));
  for (const Argument& argument : verb.arguments) {
    text += fmt::format(".TP\n\\fI{}\\fR\n{}\n", roff(argument.name),
                        roff(help_with_choices(argument.help, argument.choices)));
  }
  return text + roff_options(verb.options);
}

}  // namespace

std::string program_help(const Program& program) {
  std::string text =
      fmt::format("{0}: {1}\n\nusage: {0} COMMAND [OPTION]... [ARGUMENT]...\n", program.name, program.summary);
  for (const Group& group : program.groups) {
    text += fmt::format("\n{}{}: {}\n", group.name,
                        group.aliases.empty() ? "" : fmt::format(" ({})", join(group.aliases, ", ")), group.summary);
    for (const Verb& verb : program.verbs) {
      if (verb.group == group.name) text += row(verb.full_name(), verb.summary, 30);
    }
  }
  text += program.groups.empty() ? "\ncommands\n" : "\nthe program itself\n";
  for (const Verb& verb : program.verbs) {
    if (verb.group.empty()) text += row(verb.name, verb.summary, 30);
  }
  text += "\noptions of every command\n" + option_rows(program.options);
  text += "\n" + wrap(program.notes, 0, 0);
  return text + fmt::format("\n'{0} COMMAND --help' says more about one; 'man {0}' has all of it.\n", program.name);
}

std::string group_help(const Program& program, const Group& group) {
  std::string text = fmt::format("{} {}: {}\n", program.name, group.name, group.summary);
  for (const std::string_view alias : group.aliases) text += fmt::format("also: {} {}\n", program.name, alias);
  text += "\n";
  for (const Verb& verb : program.verbs) {
    if (verb.group == group.name) text += row(verb.full_name(), verb.summary, 30);
  }
  return text + fmt::format("\n'{} {} COMMAND --help' says more about one.\n", program.name, group.name);
}

std::string verb_help(const Program& program, const Verb& verb) {
  std::string text = fmt::format("{}: {}\n\nusage: {}\n", verb.full_name(), verb.summary, verb.synopsis(program.name));
  if (!verb.aliases.empty()) text += fmt::format("also: {}\n", join(verb.aliases, ", "));
  if (!verb.description.empty()) text += "\n" + wrap(verb.description, 0, 0);
  if (!verb.arguments.empty()) text += "\n";
  for (const Argument& argument : verb.arguments) {
    text += row(argument.name, help_with_choices(argument.help, argument.choices), 30);
  }
  if (!verb.options.empty()) text += "\noptions\n" + option_rows(verb.options);
  return text + "\noptions of every command\n" + option_rows(program.options);
}

std::string man_page(const Program& program, std::string_view version) {
  std::string upper(program.name);
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  std::string text = fmt::format(
      ".TH {} 1 \"\" \"Aeon {}\" \"User Commands\"\n"
      ".SH NAME\n{} \\- {}\n"
      ".SH SYNOPSIS\n\\fB{}\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR]... [\\fIARGUMENT\\fR]...\n"
      ".SH DESCRIPTION\n{}\n.SH OPTIONS\nEvery command takes these, before or after its name.\n{}.SH COMMANDS\n",
      upper, roff(version), program.name, roff(program.summary), program.name, roff(program.notes),
      roff_options(program.options));
  for (const Group& group : program.groups) {
    if (!group.aliases.empty()) {
      text += fmt::format("\\fB{}\\fR may be written \\fB{}\\fR.\n", roff(group.name), roff(join(group.aliases, ", ")));
    }
  }
  for (const Verb& verb : program.verbs) text += roff_verb(program, verb);
  text += ".SH EXIT STATUS\n";
  for (const ExitCode& exit : kExitCodes) text += fmt::format(".TP\n{}\n{}\n", exit.code, roff(exit.meaning));
  text += fmt::format(
      ".SH JSON\n{}\n",
      roff("With --json the answer is one object: \"status\" is \"ok\" or \"error\"; \"error\" is null or has a stable "
           "\"code\" and a \"message\"; \"response\" has what was asked for. Sizes are exact numbers of bytes, and "
           "epochs strings. Bytes that aren't printable UTF-8 are escaped as \\xNN, with the bytes themselves in a "
           "field whose name ends in _hex."));
  text +=
      ".SH ENVIRONMENT\n.TP\n\\fBAEON_SYSTEM\\fR\n" +
      roff(
          "The system to work on, if --local doesn't name one. local:DIR is a local system in the directory DIR, "
          "also while 'aeon up' serves it; unix:PATH, tls:HOST:PORT and, on this host, tcp:HOST:PORT are where one is "
          "served, ofi+tcp:HOST:PORT and the like where one is by libfabric.") +
      "\n.TP\n\\fBAEON_CERTS\\fR\n" +
      roff("The directory with ca.crt, client.crt and client.key, for tls:HOST:PORT; 'aeon certs' makes them.") +
      "\n.TP\n\\fBAEON_ALLOW_INSECURE\\fR\n" +
      roff("1 lets tcp:HOST:PORT and ofi+tcp:HOST:PORT lead to other hosts, unencrypted.") + "\n.SH EXAMPLES\n";
  for (const Example& example : program.examples) {
    text += fmt::format(".TP\n\\fB{}\\fR\n{}\n", roff(example.command), roff(example.says));
  }
  return text;
}

namespace {

// For `daos`; other programs have their name in its place.
std::string_view script_of(std::string_view shell) {
  if (shell == "bash") {
    return R"shell(# Completion of daos for bash: put this into /etc/bash_completion.d/daos, or source it.
_daos() {
  local IFS=$'\n' current=${COMP_LINE:0:$COMP_POINT} word
  COMPREPLY=()
  # COMP_WORDS splits daos:// addresses at the colons, so the words come from the line itself.
  local words; IFS=$' \t' read -r -a words <<<"$current"
  [[ $current == *[[:space:]] ]] && words+=("")
  word=${words[-1]}
  local answers; mapfile -t answers < <("${words[0]}" __complete "${words[@]:1}" 2>/dev/null)
  if [[ ${answers[0]-} == __files__ ]]; then
    compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$word")
    return
  fi
  # Readline replaces only what is behind the last colon.
  local kept=""; [[ $word == *:* ]] && kept=${word%"${word##*:}"}
  COMPREPLY=("${answers[@]#"$kept"}")
  [[ ${#answers[@]} -eq 1 && ${answers[0]} == */ ]] && compopt -o nospace
}
complete -F _daos daos
)shell";
  }
  if (shell == "zsh") {
    return R"shell(#compdef daos
# Completion of daos for zsh: put this into a directory of $fpath as _daos.
_daos() {
  local -a answers
  answers=(${(f)"$(${words[1]} __complete ${(Q)words[2,$((CURRENT - 1))]} "${(Q)words[CURRENT]}" 2>/dev/null)"})
  if [[ ${answers[1]} == __files__ ]]; then
    _files
  else
    compadd -a answers
  fi
}
if [[ ${funcstack[1]} == _daos ]]; then _daos "$@"; else compdef _daos daos; fi
)shell";
  }
  if (shell == "fish") {
    return R"shell(# Completion of daos for fish: put this into ~/.config/fish/completions/daos.fish.
function __daos_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l answers ($words[1] __complete $words[2..-1] 2>/dev/null)
    if test "$answers[1]" = __files__
        __fish_complete_path (commandline -ct)
    else
        printf '%s\n' $answers
    end
end
complete -c daos -f -a '(__daos_complete)'
)shell";
  }
  return {};
}

}  // namespace

std::string completion_script(const Program& program, std::string_view shell) {
  constexpr std::string_view kName = "daos", kScheme = "://";
  std::string script(script_of(shell));
  for (size_t at = 0; (at = script.find(kName, at)) != std::string::npos;) {
    if (script.compare(at + kName.size(), kScheme.size(), kScheme) != 0) {
      script.replace(at, kName.size(), program.name);
    }
    at += program.name.size();
  }
  return script;
}

}  // namespace aeon::cli
