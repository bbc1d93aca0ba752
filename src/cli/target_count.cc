#include "target_count.h"

#include "local/local_system.h"
#include "local/offline.h"

namespace aeon::cli {

Option targets_option() {
  return {.name = "--targets",
          .value = "N",
          .help = "how many targets the system that is made gets, 1 to 64, by default 1; it stays with that number"};
}

Result<uint32_t> parse_target_count(const Invocation& invocation) {
  static_assert(local::kTargetCountMax == 64, "the help says so");
  TRY_ASSIGN(const uint64_t count, invocation.number("--targets"));
  if (count >= 1 && count <= local::kTargetCountMax) return static_cast<uint32_t>(count);
  return Status(Code::kInvalidArgument,
                fmt::format("--targets {}: a system has 1 to {} targets", count, local::kTargetCountMax));
}

Status check_target_count(const std::string& directory, uint32_t wanted) {
  const auto system = local::OfflineSystem::open(directory);
  if (!system.is_ok() || !(*system)->description().is_ok()) return ok();
  const size_t count = (*system)->targets().size();
  if (count == wanted) return ok();
  return Status(Code::kInvalidArgument,
                fmt::format("the system in {} has {}, and that number is fixed when a system is made; leave out "
                            "--targets, or make a system with {} in another directory",
                            directory, count_text(count, "target", "targets"), wanted));
}

}  // namespace aeon::cli
