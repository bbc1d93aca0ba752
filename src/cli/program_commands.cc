#include "cli/invocation.h"
#include "cli/manual.h"

namespace aeon::cli {
namespace {

constexpr std::string_view kVersion = AEON_VERSION;

Status version(Invocation& invocation) {
  invocation.output().response()["version"] = kVersion;
  invocation.output().line("{} (Aeon) {}", invocation.program().name, kVersion);
  return ok();
}

Status completion(Invocation& invocation) {
  const std::string shell = invocation.text("SHELL");
  const std::string script = completion_script(invocation.program(), shell);
  if (script.empty()) {
    return Status(Code::kInvalidArgument,
                  fmt::format("no completion for shell '{}'; there is bash, zsh and fish", printable(shell)));
  }
  invocation.output().response()["script"] = script;
  if (!invocation.output().is_json()) invocation.output().write_raw(script);
  return ok();
}

Status manual(Invocation& invocation) {
  const std::string page = man_page(invocation.program(), kVersion);
  invocation.output().response()["page"] = page;
  if (!invocation.output().is_json()) invocation.output().write_raw(page);
  return ok();
}

}  // namespace

std::vector<Verb> program_verbs() {
  return {
      {.group = "",
       .name = "version",
       .aliases = {},
       .summary = "the program's version",
       .description = "",
       .arguments = {},
       .options = {},
       .run = version},
      {.group = "",
       .name = "completion",
       .aliases = {},
       .summary = "what makes a shell complete commands, options and names",
       .description =
           "For bash, put what 'completion bash' prints into a file in /etc/bash_completion.d. Names of pools and "
           "containers are completed too.",
       .arguments = {{.name = "SHELL",
                      .help = "which shell",
                      .completes = Completes::kChoice,
                      .choices = {"bash", "zsh", "fish"}}},
       .options = {},
       .run = completion},
      {.group = "",
       .name = "manual",
       .aliases = {},
       .summary = "print the manual page, in man's format",
       .description = "",
       .arguments = {},
       .options = {},
       .run = manual},
  };
}

}  // namespace aeon::cli
