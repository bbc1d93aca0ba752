#include "cli/interrupt.h"
#include "debug_target.h"
#include "progress.h"

namespace aeon::cli {
namespace {

constexpr size_t kDamageListedMax = 1000;  // Further places are only counted.

Status verify_target(Invocation& invocation, DebugTarget& target) {
  Output& output = invocation.output();
  Json damage = Json::array();
  uint64_t count = 0;
  Progress progress(output, "checked", "values");
  vos::Inspector::VerifyListener listener;
  listener.on_damage = [&](const vos::DamagedPlace& place) {
    if (count++ >= kDamageListedMax) return;
    progress.finish();
    output.line("damaged: {}", printable(place.to_string()));
    damage.push_back(damage_json(place));
  };
  listener.on_progress = [&](const vos::VerifyCounts& counts) {
    progress.update(counts.values, 0, counts.bytes, counts.bytes_total);
    return !interrupted();
  };
  const Result<vos::VerifyCounts> verified = target.run(target.objects().verify(std::move(listener)));
  progress.finish();
  Json& response = output.response();
  response["damaged"] = count;
  response["damage"] = std::move(damage);
  if (verified.code() == Code::kCanceled) TRY(check_interrupt("nothing was changed"));
  TRY(verified.status());
  const vos::VerifyCounts& counts = *verified;
  response["pages"] = counts.pages;
  response["records"] = counts.records;
  response["values"] = counts.values;
  response["bytes"] = counts.bytes;
  response["unowned_blocks"] = counts.unowned_blocks;
  if (counts.unowned_blocks != 0) {
    output.line("{} in use by nothing that is known; they do no harm",
                count_text(counts.unowned_blocks, "block is", "blocks are"));
  }
  const std::string read = fmt::format("{}, {}, {}, {}", count_text(counts.pages, "index page", "index pages"),
                                       count_text(counts.records, "record", "records"),
                                       count_text(counts.values, "value", "values"), size_text(counts.bytes));
  if (count == 0) {
    output.line("No damage: read {}.", read);
    return ok();
  }
  return Status(
      Code::kCorrupt,
      fmt::format("{} damaged; read {}. Nothing was changed: copy what is whole with 'daos filesystem copy' or "
                  "'daos debug value', and restore the rest from a replica or backup",
                  count_text(count, "place is", "places are"), read));
}

}  // namespace

Status debug_verify(Invocation& invocation) { return show_targets(invocation, verify_target); }

}  // namespace aeon::cli
