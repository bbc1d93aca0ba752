#include "cli/invocation.h"
#include "listing.h"
#include "object_id_text.h"
#include "runtime/hybrid_clock.h"

namespace aeon::cli {
namespace {

Status query_object(Invocation& invocation) {
  TRY_ASSIGN(const ObjectId object, parse_object(invocation.text("OBJECT")));
  TRY_ASSIGN(const std::shared_ptr<client::Container> container, invocation.container(client::Access::kReadOnly));
  TRY_ASSIGN(const Epoch epoch, invocation.read_epoch(*container));
  uint64_t dkey_count = 0;
  uint64_t akey_count = 0;
  TRY(for_each_dkey(invocation, *container, object, epoch, [&](const Bytes& dkey) -> Status {
    ++dkey_count;
    return for_each_akey(invocation, *container, object, dkey, epoch, [&](const Bytes&) -> Status {
      ++akey_count;
      return ok();
    });
  }));
  if (dkey_count == 0) {
    return Status(Code::kNotFound, fmt::format("nothing is stored in object {}; 'daos container list-objects' lists "
                                               "those with data",
                                               object.to_string()));
  }
  TRY_ASSIGN(const Epoch newest, invocation.run(container->query_max_epoch(object, epoch)));
  Output& output = invocation.output();
  Json& response = output.response();
  response["object"] = object.to_string();
  response["type"] = object_type_name(object);
  response["class"] = object_class_name(object);
  response["dkeys"] = dkey_count;
  response["akeys"] = akey_count;
  response["newest_epoch"] = epoch_text(newest);
  response["newest_unix_ns"] = HybridClock::to_unix_ns(newest);
  output.line("Object        {}", object.to_string());
  output.line("Type          {}", object_type_name(object));
  output.line("Class         {}", object_class_name(object));
  output.line("Dkeys         {}", dkey_count);
  output.line("Akeys         {}", akey_count);
  output.line("Newest write  {} ({})", epoch_text(newest), time_text(HybridClock::to_unix_ns(newest)));
  return ok();
}

}  // namespace

std::vector<Verb> object_verbs() {
  return {
      {.group = "object",
       .name = "query",
       .aliases = {},
       .summary = "an object's type, class, number of keys and newest write",
       .description = "",
       .arguments = {pool_argument(), container_argument(), {.name = "OBJECT", .help = "its id, HI.LO"}},
       .options = {snap_option(), epoch_option()},
       .run = query_object},
  };
}

}  // namespace aeon::cli
