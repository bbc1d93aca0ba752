#include <unistd.h>

#include "cli/invocation.h"
#include "client/key_value.h"
#include "listing.h"
#include "object_id_text.h"
#include "user_file.h"

namespace aeon::cli {
namespace {

constexpr ByteCount kValueSizeMax = 64 * kMiB;

// The object of an invocation, opened.
struct OpenKeyValue {
  std::shared_ptr<client::Container> container;
  std::unique_ptr<client::KeyValue> object;
};

Result<OpenKeyValue> open_object(Invocation& invocation, client::Access access) {
  TRY_ASSIGN(const ObjectId object, parse_object(invocation.text("OBJECT")));
  if (invocation.has("KEY")) {
    const size_t size = invocation.text("KEY").size();
    if (size == 0 || size > kUserKeySizeMax) {
      return Status(Code::kInvalidArgument, fmt::format("a key has from 1 to {} bytes, and this one has {}; choose "
                                                        "another",
                                                        kUserKeySizeMax, size));
    }
  }
  OpenKeyValue opened;
  TRY_ASSIGN(opened.container, invocation.container(access));
  TRY_ASSIGN(const Epoch epoch, invocation.read_epoch(*opened.container));
  opened.object = std::make_unique<client::KeyValue>(opened.container, object, epoch);
  return opened;
}

Status no_key(Invocation& invocation, const Status& status) {
  if (status.code() != Code::kNotFound) return status;
  return Status(Code::kNotFound, fmt::format("no key '{}' in object {}; list them with 'daos kv list'",
                                             printable(invocation.text("KEY")), invocation.text("OBJECT")));
}

Status put(Invocation& invocation) {
  if (invocation.has("VALUE") == invocation.has("--file")) {
    return Status(Code::kInvalidArgument, "give the value, or a file that holds it with --file (- for standard input)");
  }
  Bytes value = to_bytes(invocation.text("VALUE"));
  if (invocation.has("--file")) {
    TRY_ASSIGN(value, read_user_file(invocation.text("--file"), kValueSizeMax));
  }
  if (value.empty()) {
    return Status(Code::kInvalidArgument, "a value has at least one byte; 'daos kv delete' removes a key");
  }
  TRY_ASSIGN(OpenKeyValue opened, open_object(invocation, client::Access::kReadWrite));
  const uint32_t conditions = invocation.has("--if-missing") ? uint32_t{kDkeyInsert} : 0;
  const Status status = invocation.run(opened.object->put(invocation.text("KEY"), value, conditions));
  if (status.code() == Code::kExists) {
    return Status(Code::kExists, fmt::format("there is a key '{}' already; leave out --if-missing to replace it",
                                             printable(invocation.text("KEY"))));
  }
  TRY(status);
  put_bytes(invocation.output().response(), "key", invocation.text("KEY"));
  invocation.output().response()["size_bytes"] = value.size();
  invocation.output().remark("Stored {}.", size_text(value.size()));
  return ok();
}

Status get(Invocation& invocation) {
  TRY_ASSIGN(OpenKeyValue opened, open_object(invocation, client::Access::kReadOnly));
  const Result<Bytes> value = invocation.run(opened.object->get(invocation.text("KEY")));
  if (!value.is_ok()) return no_key(invocation, value.status());
  Output& output = invocation.output();
  put_bytes(output.response(), "key", invocation.text("KEY"));
  output.response()["size_bytes"] = value->size();
  if (invocation.has("--file")) {
    TRY(write_user_file(invocation.text("--file"), *value));
    output.remark("Wrote {} to {}.", size_text(value->size()), printable(invocation.text("--file")));
  } else if (output.is_json()) {
    put_bytes(output.response(), "value", as_text(*value));
  } else {
    output.write_raw(as_text(*value));
    if (::isatty(STDOUT_FILENO) != 0) output.write_raw("\n");
  }
  return ok();
}

Status list(Invocation& invocation) {
  TRY_ASSIGN(OpenKeyValue opened, open_object(invocation, client::Access::kReadOnly));
  Output& output = invocation.output();
  Json& keys = output.response()["keys"] = Json::array();
  return for_each_page([&](const Anchor& from) { return invocation.run(opened.object->list(from)); },
                       [&](const client::KeyPage& page) -> Status {
                         for (const Bytes& key : page.keys) {
                           output.line("{}", printable(as_text(key)));
                           if (!output.is_json()) continue;
                           Json entry;
                           put_bytes(entry, "key", as_text(key));
                           keys.push_back(std::move(entry));
                         }
                         return ok();
                       });
}

Status remove(Invocation& invocation) {
  TRY_ASSIGN(OpenKeyValue opened, open_object(invocation, client::Access::kReadWrite));
  const Status status = invocation.run(opened.object->remove(invocation.text("KEY"), kPunchIfExists));
  if (!status.is_ok()) return no_key(invocation, status);
  put_bytes(invocation.output().response(), "key", invocation.text("KEY"));
  invocation.output().remark("Deleted.");
  return ok();
}

}  // namespace

std::vector<Verb> kv_verbs() {
  const Argument object{.name = "OBJECT", .help = "its id, HI.LO; or a number of your choice"};
  const Argument key{.name = "KEY", .help = "up to 2048 bytes"};
  return {
      {.group = "kv",
       .name = "put",
       .aliases = {},
       .summary = "store a value under a key",
       .description = "Replaces the value that was there.",
       .arguments = {pool_argument(),
                     container_argument(),
                     object,
                     key,
                     {.name = "VALUE", .help = "the value", .is_optional = true}},
       .options = {{.name = "--file",
                    .value = "FILE",
                    .help = "the value is what FILE holds; - is standard input",
                    .short_name = "-f",
                    .completes = Completes::kFile},
                   {.name = "--if-missing", .value = "", .help = "fail if the key is there already"}},
       .run = put},
      {.group = "kv",
       .name = "get",
       .aliases = {},
       .summary = "the value of a key, as it is",
       .description = "",
       .arguments = {pool_argument(), container_argument(), object, key},
       .options = {{.name = "--file",
                    .value = "FILE",
                    .help = "write it to FILE",
                    .short_name = "-f",
                    .completes = Completes::kFile},
                   snap_option(),
                   epoch_option()},
       .run = get},
      {.group = "kv",
       .name = "list",
       .aliases = {"ls"},
       .summary = "the keys of an object",
       .description = "",
       .arguments = {pool_argument(), container_argument(), object},
       .options = {snap_option(), epoch_option()},
       .run = list},
      {.group = "kv",
       .name = "delete",
       .aliases = {"del", "rm"},
       .summary = "remove a key and its value",
       .description = "",
       .arguments = {pool_argument(), container_argument(), object, key},
       .options = {},
       .run = remove},
  };
}

}  // namespace aeon::cli
