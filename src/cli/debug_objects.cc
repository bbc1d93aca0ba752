// `daos debug`: containers, and the objects, keys and values in them.
#include <unistd.h>

#include <algorithm>

#include "cli/interrupt.h"
#include "debug_target.h"
#include "object_id_text.h"
#include "user_file.h"

namespace aeon::cli {
namespace {

constexpr ByteCount kValueOutMax = 1 * kGiB;
constexpr size_t kPreviewBytes = 256;
constexpr size_t kHexRow = 16;

std::string name_of(const NamedContainer& container) {
  if (container.stored.is_destroyed) return "(destroyed)";
  if (container.stored.is_hidden) return "(destroyed, kept for its clones)";
  return container.label.empty() ? container.stored.id.to_string() : printable(container.label);
}

Json space_json(const vos::ContainerSpace& space) {
  Json object;
  object["objects"] = space.objects;
  object["values"] = space.values;
  object["punches"] = space.punches;
  object["index_bytes"] = space.index_bytes;
  object["inline_bytes"] = space.inline_bytes;
  object["block_bytes"] = space.block_bytes;
  object["value_bytes"] = space.value_bytes;
  return object;
}

Json counters_json(const SpaceUse& use) {
  Json object;
  object["records"] = use.records;
  object["index_bytes"] = use.index_bytes;
  object["value_bytes"] = use.value_bytes;
  object["block_bytes"] = use.block_bytes;
  return object;
}

void show_damage(Output& output, const std::vector<vos::DamagedPlace>& places) {
  Json& list = output.response()["damage"] = Json::array();
  for (const vos::DamagedPlace& place : places) {
    output.line("damaged: {}", printable(place.to_string()));
    list.push_back(damage_json(place));
  }
}

Status damage_status(size_t count) {
  if (count == 0) return ok();
  return Status(Code::kCorrupt, fmt::format("{} damaged, and what they hide isn't shown; 'daos debug verify' checks "
                                            "everything",
                                            count == 1 ? "1 place is" : fmt::format("{} places are", count)));
}

// What --epoch says; the newest without.
Result<Epoch> epoch_of(const Invocation& invocation) {
  if (!invocation.has("--epoch") || invocation.text("--epoch") == "newest") return kEpochMax;
  TRY_ASSIGN(const uint64_t value, invocation.number("--epoch"));
  return Epoch{value};
}

// What the arguments name, as far as they go.
struct Named {
  NamedContainer container;
  std::optional<ObjectId> object;
  std::optional<Bytes> dkey;
  std::optional<Bytes> akey;
};

Result<Named> read_names(Invocation& invocation, DebugTarget& target) {
  Named named;
  TRY_ASSIGN(named.container, find_container(target, invocation.text("CONTAINER"), invocation.has("--target")));
  if (invocation.has("OBJECT")) {
    TRY_ASSIGN(named.object, parse_object(invocation.text("OBJECT")));
  }
  if (invocation.has("DKEY")) {
    TRY_ASSIGN(named.dkey, parse_key(invocation.text("DKEY"), "DKEY", dkey_order(*named.object)));
  }
  if (invocation.has("AKEY")) {
    TRY_ASSIGN(named.akey, parse_key(invocation.text("AKEY"), "AKEY", akey_order(*named.object)));
  }
  return named;
}

Result<Bytes> prefix_of(const Named& named) {
  const uint32_t number = named.container.stored.number;
  if (!named.object) return vos::Inspector::prefix_of(number);
  if (!named.dkey) return vos::Inspector::prefix_of(number, *named.object);
  if (!named.akey) return vos::Inspector::prefix_of(number, *named.object, *named.dkey);
  return vos::Inspector::prefix_of(number, *named.object, *named.dkey, *named.akey);
}

// Neither a value nor a punch.
bool is_mark(const vos::StoredRecord& record) {
  return record.kind == vos::StoredRecord::Kind::kSeveralShapes || record.kind == vos::StoredRecord::Kind::kStamp;
}

std::string place_text(const vos::StoredRecord& record) {
  if (!record.has_value()) return "";
  if (record.blocks.empty()) {
    return record.page_block == 0 ? "inline, in the log" : fmt::format("inline, page {}", record.page_block);
  }
  std::string text = "blocks";
  for (const media::BlockRange& range : record.blocks) text += fmt::format(" {}+{}", range.first, range.count);
  return text;
}

std::string shape_text(const vos::StoredRecord& record) {
  switch (record.kind) {
    case vos::StoredRecord::Kind::kSingle:
      return record.bytes == record.record_size
                 ? fmt::format("single value, {} B", record.record_size)
                 : fmt::format("single value, part {}: {} of {} B", record.part, record.bytes, record.record_size);
    case vos::StoredRecord::Kind::kExtent:
      return fmt::format("records [{}, {}) of {} B", record.recx.index, record.recx.end(), record.record_size);
    case vos::StoredRecord::Kind::kExtentPunch:
      return fmt::format("punch of records [{}, {})", record.recx.index, record.recx.end());
    default: return std::string(vos::name_of(record.kind));
  }
}

Json record_json(const vos::StoredRecord& record) {
  Json object;
  object["kind"] = vos::name_of(record.kind);
  object["good"] = record.status.is_ok();
  if (!record.status.is_ok()) object["message"] = printable(record.status.message());
  if (record.has_object) object["object"] = record.object.to_string();
  if (!record.dkey.empty()) put_bytes(object, "dkey", as_text(record.dkey));
  if (!record.akey.empty()) put_bytes(object, "akey", as_text(record.akey));
  object["epoch"] = epoch_text(record.epoch);
  object["minor"] = record.minor;
  if (record.kind == vos::StoredRecord::Kind::kSingle) object["part"] = record.part;
  if (record.kind == vos::StoredRecord::Kind::kExtent || record.kind == vos::StoredRecord::Kind::kExtentPunch) {
    object["index"] = record.recx.index;
    object["count"] = record.recx.count;
  }
  if (record.has_value()) {
    object["record_size"] = record.record_size;
    object["bytes"] = record.bytes;
    object["page_block"] = record.page_block;
    Json& blocks = object["blocks"] = Json::array();
    for (const media::BlockRange& range : record.blocks) blocks.push_back(Json::array({range.first, range.count}));
  }
  return object;
}

// --- ls

// What lies below one object, dkey or akey, while its records pass by.
struct Group {
  Bytes name;               // Of the object: unused.
  ObjectId object;
  uint64_t values = 0;
  uint64_t punches = 0;
  ByteCount bytes = 0;
  Epoch oldest = kEpochMax;
  Epoch newest;
};

class Listing {
 public:
  Listing(Output& output, const Named& named, bool all) : output_(output), named_(named), all_(all) {
    list_ = Json::array();
  }

  void add(const vos::StoredRecord& record) {
    is_empty_ = false;
    if (!record.status.is_ok()) ++damaged_;
    if (all_ || named_.akey || is_of_named(record)) {
      show_record(record);
      return;
    }
    if (!group_ || !is_in_group(record)) {
      finish_group();
      group_.emplace();
      group_->object = record.object;
      if (named_.object) group_->name = named_.dkey ? record.akey : record.dkey;
    }
    if (record.has_value()) ++group_->values;
    if (!record.has_value() && !is_mark(record)) ++group_->punches;
    group_->bytes += record.bytes;
    group_->oldest = std::min(group_->oldest, record.epoch);
    group_->newest = std::max(group_->newest, record.epoch);
  }

  bool is_empty() const { return is_empty_; }
  // How many damaged records there were.
  size_t finish() {
    finish_group();
    output_.response()["entries"] = std::move(list_);
    return damaged_;
  }

 private:
  // A punch of what was named, or what couldn't be taken apart.
  bool is_of_named(const vos::StoredRecord& record) const {
    using Kind = vos::StoredRecord::Kind;
    if (record.kind == Kind::kForeign) return true;
    if (record.kind == Kind::kStamp) return named_.object.has_value();
    return (named_.object && !named_.dkey && record.kind == Kind::kObjectPunch) ||
           (named_.dkey && !named_.akey && record.kind == Kind::kDkeyPunch);
  }
  bool is_in_group(const vos::StoredRecord& record) const {
    if (!named_.object) return record.object == group_->object;
    return (named_.dkey ? record.akey : record.dkey) == group_->name;
  }

  void show_record(const vos::StoredRecord& record) {
    finish_group();
    std::string name;
    if (record.has_object && !named_.object) name += record.object.to_string() + " ";
    if (!record.dkey.empty() && !named_.dkey) name += key_text(record.dkey, dkey_order(record.object)) + " ";
    if (!record.akey.empty() && !named_.akey) name += key_text(record.akey, akey_order(record.object)) + " ";
    const std::string place = place_text(record);
    output_.line("{}epoch {} {}{}{}{}", name, epoch_text(record.epoch), shape_text(record), place.empty() ? "" : ", ",
                 place, record.status.is_ok() ? "" : "; damaged: " + printable(record.status.message()));
    if (output_.is_json()) list_.push_back(record_json(record));
  }

  void finish_group() {
    if (!group_) return;
    const KeyOrder order = named_.dkey ? akey_order(group_->object) : dkey_order(group_->object);
    const std::string name = named_.object ? key_text(group_->name, order) : group_->object.to_string();
    const char* const kind = named_.dkey ? "akey" : named_.object ? "dkey" : "object";
    if (output_.is_quiet()) {
      output_.line("{}", name);
    } else {
      output_.line("{} {}: {}, {}{}, epochs {} to {}", kind, name, count_text(group_->values, "value", "values"),
                   size_text(group_->bytes),
                   group_->punches == 0 ? "" : ", " + count_text(group_->punches, "punch", "punches"),
                   epoch_text(group_->oldest), epoch_text(group_->newest));
    }
    if (output_.is_json()) {
      Json object;
      object["kind"] = kind;
      if (named_.object) {
        put_bytes(object, kind, as_text(group_->name));
      } else {
        object["object"] = name;
      }
      object["values"] = group_->values;
      object["punches"] = group_->punches;
      object["bytes"] = group_->bytes;
      object["oldest_epoch"] = epoch_text(group_->oldest);
      object["newest_epoch"] = epoch_text(group_->newest);
      list_.push_back(std::move(object));
    }
    group_.reset();
  }

  Output& output_;
  const Named& named_;
  bool all_;
  std::optional<Group> group_;
  Json list_;
  size_t damaged_ = 0;
  bool is_empty_ = true;
};

template <typename NextPage, typename VisitPage>
Status each_page(NextPage next_page, VisitPage visit_page) {
  Anchor anchor;
  while (!anchor.is_end) {
    TRY(check_interrupt("nothing was changed"));
    TRY_ASSIGN(auto page, next_page(anchor));
    visit_page(page);
    anchor = std::move(page.next);
  }
  return ok();
}

// As the store shows it to a reader.
Status list_seen(Invocation& invocation, DebugTarget& target, const Named& named) {
  TRY_ASSIGN(const Epoch epoch, epoch_of(invocation));
  if (named.container.stored.is_destroyed) {
    return Status(Code::kNotFound, "the container is destroyed, and no reader sees it; leave out --epoch");
  }
  const Result<vos::Store*> opened = target.store();
  if (!opened.is_ok()) {
    return Status(opened.code(),
                  fmt::format("{}; without --epoch, what isn't damaged can be listed", opened.status().message()));
  }
  vos::Store& store = **opened;
  const Uuid id = named.container.stored.id;
  Output& output = invocation.output();
  Json& list = output.response()["entries"] = Json::array();
  const auto show_keys = [&](const vos::KeyPage& page, const char* kind, KeyOrder order) {
    for (const Bytes& key : page.keys) {
      output.line("{}", key_text(key, order));
      if (!output.is_json()) continue;
      Json object;
      put_bytes(object, kind, as_text(key));
      list.push_back(std::move(object));
    }
  };
  if (!named.object) {
    return each_page([&](const Anchor& from) { return target.run(store.list_objects(id, epoch, from, {})); },
                     [&](const vos::ObjectPage& page) {
                       for (const ObjectId& object : page.objects) {
                         output.line("{}", object.to_string());
                         if (output.is_json()) list.push_back(Json{{"object", object.to_string()}});
                       }
                     });
  }
  const ObjectId object = *named.object;
  if (!named.dkey) {
    return each_page([&](const Anchor& from) { return target.run(store.list_dkeys(id, object, epoch, from, {})); },
                     [&](const vos::KeyPage& page) { show_keys(page, "dkey", dkey_order(object)); });
  }
  if (!named.akey) {
    return each_page(
        [&](const Anchor& from) { return target.run(store.list_akeys(id, object, *named.dkey, epoch, from, {})); },
        [&](const vos::KeyPage& page) { show_keys(page, "akey", akey_order(object)); });
  }
  TRY(each_page(
      [&](const Anchor& from) {
        return target.run(store.list_recxs(id, object, *named.dkey, *named.akey, epoch, from, {}));
      },
      [&](const vos::RecxPage& page) {
        for (const ListedRecx& listed : page.recxs) {
          output.line("records [{}, {}) of {} B, epoch {}", listed.recx.index, listed.recx.end(), listed.record_size,
                      epoch_text(listed.epoch));
          if (!output.is_json()) continue;
          Json entry;
          entry["index"] = listed.recx.index;
          entry["count"] = listed.recx.count;
          entry["record_size"] = listed.record_size;
          entry["epoch"] = epoch_text(listed.epoch);
          list.push_back(std::move(entry));
        }
      }));
  std::vector<AkeyFetch> fetches(1);
  fetches[0].akey = *named.akey;
  TRY_ASSIGN(const std::vector<FetchedAkey> fetched,
             target.run(store.fetch(id, object, *named.dkey, std::move(fetches), 0, epoch)));
  if (fetched[0].record_size == 0 || fetched[0].segments.empty()) return ok();
  const Epoch written = fetched[0].segments[0].epoch;
  output.line("single value of {} B, epoch {}", fetched[0].record_size, epoch_text(written));
  if (output.is_json()) {
    Json entry;
    entry["record_size"] = fetched[0].record_size;
    entry["epoch"] = epoch_text(written);
    list.push_back(std::move(entry));
  }
  return ok();
}

// --- value

std::string hex_rows(ByteView bytes) {
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += kHexRow) {
    const ByteView row = bytes.subspan(at, std::min(kHexRow, bytes.size() - at));
    std::string hex;
    std::string plain;
    for (const std::byte byte : row) {
      const auto number = std::to_integer<unsigned>(byte);
      hex += fmt::format("{:02x} ", number);
      plain += number >= 0x20 && number < 0x7f ? static_cast<char>(number) : '.';
    }
    text += fmt::format("  {:08x}  {:<48} {}\n", at, hex, plain);
  }
  return text;
}

Result<Recx> parse_recx(const std::string& text) {
  const size_t colon = text.find(':');
  if (colon == std::string::npos) {
    return Status(Code::kInvalidArgument,
                  fmt::format("--recx '{}' is no range of records; write INDEX:COUNT, such as 0:100", printable(text)));
  }
  TRY_ASSIGN(const uint64_t index, parse_number(text.substr(0, colon), "--recx index"));
  TRY_ASSIGN(const uint64_t count, parse_number(text.substr(colon + 1), "--recx count"));
  if (count == 0 || index > ~uint64_t{0} - count) {
    return Status(Code::kInvalidArgument, fmt::format("--recx '{}': no such range of records", printable(text)));
  }
  return Recx{index, count};
}

// Which records to give, and where their bytes go.
struct Wanted {
  Recx recx;
  ByteCount size = 0;
};

Result<Wanted> wanted_of(Invocation& invocation, const vos::Inspector::SeenValue& seen) {
  Wanted wanted;
  if (!seen.is_array) {
    if (invocation.has("--recx")) return Status(Code::kInvalidArgument, "--recx is for arrays; this is a single value");
    wanted.recx = {0, 1};
    wanted.size = seen.record_size;
    return wanted;
  }
  wanted.recx = {seen.pieces.front().recx.index, seen.pieces.back().recx.end() - seen.pieces.front().recx.index};
  if (invocation.has("--recx")) {
    TRY_ASSIGN(wanted.recx, parse_recx(invocation.text("--recx")));
  }
  if (wanted.recx.count > kValueOutMax / seen.record_size) {
    return Status(Code::kTooBig, fmt::format("{} records of {} B are more than {} at once; take a part with --recx",
                                             wanted.recx.count, seen.record_size, size_text(kValueOutMax)));
  }
  wanted.size = wanted.recx.count * seen.record_size;
  return wanted;
}

struct CheckedVersions {
  std::vector<Status> statuses;  // One for each version.
  std::vector<Bytes> contents;   // Of those that are needed.
};

Result<CheckedVersions> check_versions(DebugTarget& target, const vos::Inspector::SeenValue& seen) {
  CheckedVersions checked;
  checked.contents.resize(seen.versions.size());
  std::vector<bool> is_needed(seen.versions.size());
  for (const auto& piece : seen.pieces) is_needed[piece.version] = true;
  for (size_t i = 0; i < seen.versions.size(); ++i) {
    TRY(check_interrupt("nothing was changed"));
    Bytes* const content = is_needed[i] ? &checked.contents[i] : nullptr;
    checked.statuses.push_back(target.run(target.objects().check(seen.versions[i], content)));
  }
  return checked;
}

// The bytes that a reader sees, holes as zeros; notes which damaged versions they come from.
Bytes assemble(const vos::Inspector::SeenValue& seen, const CheckedVersions& checked, const Wanted& wanted,
               Status& damage) {
  Bytes bytes(wanted.size);
  ByteCount single_offset = 0;
  for (const auto& piece : seen.pieces) {
    ByteCount from = piece.offset;
    ByteCount size = piece.size;
    ByteCount to = single_offset;
    if (seen.is_array) {
      const uint64_t begin = std::max(piece.recx.index, wanted.recx.index);
      const uint64_t end = std::min(piece.recx.end(), wanted.recx.end());
      if (begin >= end) continue;
      from += (begin - piece.recx.index) * seen.record_size;
      size = (end - begin) * seen.record_size;
      to = (begin - wanted.recx.index) * seen.record_size;
    }
    single_offset += piece.size;
    if (!checked.statuses[piece.version].is_ok() && damage.is_ok()) damage = checked.statuses[piece.version];
    const Bytes& content = checked.contents[piece.version];
    if (content.size() < from || to > bytes.size()) continue;
    const size_t taken = std::min({size, content.size() - from, bytes.size() - to});
    std::copy_n(content.begin() + static_cast<ptrdiff_t>(from), taken, bytes.begin() + static_cast<ptrdiff_t>(to));
  }
  return bytes;
}

void show_versions(Output& output, const vos::Inspector::SeenValue& seen, const CheckedVersions& checked) {
  std::vector<bool> is_seen(seen.versions.size());
  for (const auto& piece : seen.pieces) is_seen[piece.version] = true;
  Json& list = output.response()["versions"] = Json::array();
  for (size_t i = 0; i < seen.versions.size(); ++i) {
    const vos::StoredRecord& record = seen.versions[i];
    const std::string place = place_text(record);
    const std::string state = checked.statuses[i].is_ok() ? record.has_value() ? ", checksum good" : ""
                                                          : ", damaged: " + printable(checked.statuses[i].message());
    output.line("{} epoch {} {}{}{}{}", is_seen[i] ? "*" : " ", epoch_text(record.epoch), shape_text(record),
                place.empty() ? "" : ", ", place, state);
    if (!output.is_json()) continue;
    Json object = record_json(record);
    object["seen"] = static_cast<bool>(is_seen[i]);
    object["good"] = checked.statuses[i].is_ok();
    if (!checked.statuses[i].is_ok()) object["message"] = printable(checked.statuses[i].message());
    list.push_back(std::move(object));
  }
}

Status give_value(Invocation& invocation, const Bytes& bytes) {
  Output& output = invocation.output();
  output.response()["size"] = bytes.size();
  const std::string file = invocation.text("--out");
  if (file == "-") {
    output.write_raw(as_text(bytes));
    return ok();
  }
  if (!file.empty()) {
    TRY(write_user_file(file, bytes));
    output.remark("Wrote {} to {}.", size_text(bytes.size()), printable(file));
    return ok();
  }
  const ByteView shown = ByteView(bytes).first(std::min(bytes.size(), kPreviewBytes));
  put_bytes(output.response(), "preview", as_text(shown));
  output.line("{} B{}:", bytes.size(), shown.size() < bytes.size() ? ", of which the first" : "");
  if (!output.is_json()) output.write_raw(hex_rows(shown));
  return ok();
}

// Transactions: those to be decided, with what they will put, and how others were decided.
void add_transactions(const vos::StoredContainer& stored, Json& object) {
  Json& undecided = object["undecided"] = Json::array();
  for (const vos::StoredIntent& intent : stored.undecided) {
    Json one;
    one["transaction"] = intent.transaction.to_string();
    one["good"] = intent.status.is_ok();
    if (!intent.status.is_ok()) one["message"] = printable(intent.status.message());
    one["epoch"] = epoch_text(intent.epoch);
    put_bytes(one, "participants", as_text(intent.participants));
    one["records"] = Json::array();
    for (const vos::StoredRecord& record : intent.records) one["records"].push_back(record_json(record));
    undecided.push_back(std::move(one));
  }
  Json& decisions = object["decisions"] = Json::array();
  for (const vos::StoredDecision& decision : stored.decisions) {
    Json one;
    one["sequence"] = decision.sequence;
    one["transaction"] = decision.transaction.to_string();
    one["epoch"] = epoch_text(decision.epoch);
    one["committed"] = decision.is_commit;
    one["prepared"] = decision.was_prepared;
    one["kept"] = decision.is_kept;
    decisions.push_back(std::move(one));
  }
  object["decisions_forgotten_through"] = epoch_text(stored.decisions_forgotten);
}

void show_transactions(Output& output, const vos::StoredContainer& stored) {
  for (const vos::StoredIntent& intent : stored.undecided) {
    output.line("  prepared    transaction {}{}", intent.transaction.to_string(),
                intent.status.is_ok() ? fmt::format(" at epoch {}, {}", epoch_text(intent.epoch),
                                                    count_text(intent.records.size(), "record", "records"))
                                      : ": " + printable(intent.status.message()));
  }
  if (stored.decisions.empty()) return;
  const auto kept = std::count_if(stored.decisions.begin(), stored.decisions.end(),
                                  [](const vos::StoredDecision& decision) { return decision.is_kept; });
  output.line("  decided     {} remembered{}", count_text(stored.decisions.size(), "transaction", "transactions"),
              kept == 0 ? std::string() : fmt::format(", {} of them until released", kept));
}

Status show_containers(Invocation& invocation, DebugTarget& target) {
  Output& output = invocation.output();
  const bool with_space = output.is_json() || !output.is_quiet();
  TRY_ASSIGN(const NamedContainers named, named_containers(target, with_space));
  Json& response = output.response();
  response["format_version"] = named.overview.format_version;
  Json& list = response["containers"] = Json::array();
  for (const NamedContainer& container : named.all) {
    const vos::StoredContainer& stored = container.stored;
    Json object;
    object["number"] = stored.number;
    object["uuid"] = stored.id.is_nil() ? "" : stored.id.to_string();
    object["label"] = printable(container.label);
    object["destroyed"] = stored.is_destroyed;
    object["hidden"] = stored.is_hidden;
    object["epochs"] = stored.epochs == vos::EpochMode::kExplicit ? "explicit" : "clock";
    object["epoch_bound"] = epoch_text(stored.epoch_bound);
    object["guards_reads"] = stored.guards_reads;
    object["committed_epoch"] = epoch_text(stored.committed);
    object["base_number"] = stored.base_number;
    object["base_epoch"] = epoch_text(stored.base_epoch);
    object["aggregated_through"] = epoch_text(stored.aggregated_through);
    object["snapshots"] = Json::array();
    for (const Epoch epoch : stored.snapshots) object["snapshots"].push_back(epoch_text(epoch));
    object["space"] = space_json(stored.space);
    if (stored.counters.has_value()) object["counters"] = counters_json(*stored.counters);
    add_transactions(stored, object);
    list.push_back(std::move(object));
    if (output.is_quiet()) {
      output.line("{}", name_of(container));
      continue;
    }
    output.line("Container {}: {}", stored.number, name_of(container));
    if (!stored.id.is_nil()) output.line("  uuid        {}", stored.id.to_string());
    output.line("  epochs      to {}, aggregated through {}", epoch_text(stored.epoch_bound),
                epoch_text(stored.aggregated_through));
    if (stored.epochs == vos::EpochMode::kExplicit) {
      output.line("  explicit    committed through {}", epoch_text(stored.committed));
    }
    if (stored.base_number != 0) {
      output.line("  clone       of container {} at epoch {}", stored.base_number, epoch_text(stored.base_epoch));
    }
    std::string snapshots;
    for (const Epoch epoch : stored.snapshots) snapshots += " " + epoch_text(epoch);
    output.line("  snapshots  {}", snapshots.empty() ? " none" : snapshots);
    output.line("  holds       {}, {}, {}", count_text(stored.space.objects, "object", "objects"),
                count_text(stored.space.values, "value", "values"),
                count_text(stored.space.punches, "punch", "punches"));
    output.line("  space       index {} (of it {} inline values), blocks {}", size_text(stored.space.index_bytes),
                size_text(stored.space.inline_bytes), size_text(stored.space.block_bytes));
    show_transactions(output, stored);
  }
  response["others"] = space_json(named.overview.others);
  response["remembered_requests"] = named.overview.remembered_requests;
  if (named.overview.remembered_requests != 0) {
    output.line("Remembers {} of clients that may ask again",
                count_text(named.overview.remembered_requests, "request", "requests"));
  }
  show_damage(output, named.overview.damage);
  TRY(named.overview.status);
  return damage_status(named.overview.damage.size());
}

Status list_target(Invocation& invocation, DebugTarget& target) {
  TRY_ASSIGN(const Named named, read_names(invocation, target));
  if (invocation.has("--epoch")) return list_seen(invocation, target, named);
  TRY_ASSIGN(const Bytes prefix, prefix_of(named));
  std::vector<vos::DamagedPlace> damage;
  Listing listing(invocation.output(), named, invocation.has("--all"));
  vos::Inspector::RecordWalk walk(target.objects(), prefix);
  while (true) {
    TRY(check_interrupt("nothing was changed"));
    const vos::Inspector::RecordWalk::Step step = target.run(walk.next());
    if (step == vos::Inspector::RecordWalk::Step::kEnd) break;
    if (step == vos::Inspector::RecordWalk::Step::kDamage) {
      damage.push_back(walk.damage());
    } else {
      listing.add(walk.record());
    }
  }
  const size_t damaged = listing.finish();
  show_damage(invocation.output(), damage);
  TRY(damage_status(damage.size() + damaged));
  if (!listing.is_empty() || !named.object) return ok();
  return Status(Code::kNotFound, "nothing is stored there; 'daos debug ls' with fewer names lists what is");
}

// The first of the system's targets that has a version of it, or damage in its place; each key is on one of them.
Result<std::unique_ptr<DebugTarget>> open_holder(Invocation& invocation, Epoch epoch) {
  TRY_ASSIGN(const std::shared_ptr<DebugSystem> system, DebugSystem::open(invocation));
  if (system->target_count() == 1 || invocation.has("--target")) return open_chosen_target(invocation, *system);
  for (uint32_t index = 0; index < system->target_count(); ++index) {
    TRY(check_interrupt("nothing was changed"));
    Result<std::unique_ptr<DebugTarget>> target = system->open_target(index);
    if (!target.is_ok()) {
      invocation.output().warn("daos: target {}: {}", index, target.status().message());
      continue;
    }
    const Result<Named> named = read_names(invocation, **target);
    if (named.code() == Code::kInvalidArgument) return named.status();
    if (!named.is_ok()) continue;
    const auto seen = (*target)->run(
        (*target)->objects().see(named->container.stored.number, *named->object, *named->dkey, *named->akey, epoch));
    if (!seen.is_ok() || (seen->versions.empty() && seen->damage.empty())) continue;
    invocation.output().response()["target"] = index;
    // Standard output is the value's own with --out -.
    if (invocation.text("--out") != "-") invocation.output().remark("On target {}:", index);
    return target;
  }
  return system->open_target(0);
}

}  // namespace

Status debug_containers(Invocation& invocation) {
  // Names once: the first target has all of them.
  if (invocation.output().style() != Output::Style::kQuietLines) return show_targets(invocation, show_containers);
  TRY_ASSIGN(const std::unique_ptr<DebugTarget> target, DebugTarget::open(invocation));
  return show_containers(invocation, *target);
}

Status debug_list(Invocation& invocation) {
  if (!invocation.has("CONTAINER")) return debug_containers(invocation);
  return show_targets(invocation, list_target);
}

Status debug_value(Invocation& invocation) {
  if (invocation.has("--recx")) TRY(parse_recx(invocation.text("--recx")).status());
  TRY_ASSIGN(const Epoch epoch, epoch_of(invocation));
  TRY_ASSIGN(const std::unique_ptr<DebugTarget> target, open_holder(invocation, epoch));
  TRY_ASSIGN(const Named named, read_names(invocation, *target));
  TRY_ASSIGN(const vos::Inspector::SeenValue seen,
             target->run(
                 target->objects().see(named.container.stored.number, *named.object, *named.dkey, *named.akey, epoch)));
  TRY_ASSIGN(const CheckedVersions checked, check_versions(*target, seen));
  Output& output = invocation.output();
  const bool is_raw = invocation.text("--out") == "-";
  if (is_raw && output.is_json()) {
    return Status(Code::kInvalidArgument, "--json and --out - both want standard output; name a file with --out");
  }
  if (!is_raw) show_versions(output, seen, checked);
  if (!is_raw) show_damage(output, seen.damage);
  if (seen.pieces.empty()) {
    TRY(damage_status(seen.damage.size()));
    return Status(Code::kNotFound, "no value is seen there at that epoch; 'daos debug ls' lists what is stored");
  }
  TRY_ASSIGN(const Wanted wanted, wanted_of(invocation, seen));
  Status damage;
  const Bytes bytes = assemble(seen, checked, wanted, damage);
  if (damage.is_ok() || invocation.has("--damaged")) TRY(give_value(invocation, bytes));
  if (damage.is_ok()) return damage_status(seen.damage.size());
  return Status(damage.code(),
                fmt::format("the value is damaged: {}; --damaged gives the bytes as they are", damage.message()));
}

}  // namespace aeon::cli
