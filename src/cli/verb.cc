#include "cli/verb.h"

namespace aeon::cli {
std::string Verb::full_name() const {
  return group.empty() ? std::string(name) : std::string(group) + " " + std::string(name);
}

std::string Verb::synopsis(std::string_view program) const {
  std::string text = std::string(program) + " " + full_name() + " [OPTION]...";
  for (const Argument& argument : arguments) {
    text += argument.is_optional ? " [" + std::string(argument.name) + "]" : " " + std::string(argument.name);
  }
  return text;
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
