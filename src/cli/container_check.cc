#include "container_check.h"

#include <algorithm>

#include "cli/interrupt.h"
#include "listing.h"
#include "progress.h"

namespace aeon::cli {
namespace {

constexpr ByteCount kReadBytesMax = 4 * kMiB;
constexpr size_t kDamageShownMax = 1000;  // Further places are only counted.

struct Place {
  ObjectId object;
  Bytes dkey;
  Bytes akey;
};

// States are checked from the oldest to the newest. What a state shows of an extent written before the state checked
// last, that one showed too, so each stored extent is read once however many snapshots there are.
class ContainerCheck {
 public:
  ContainerCheck(Invocation& invocation, client::Container& container)
      : invocation_(invocation), container_(container), progress_(invocation.output(), "checked", "objects") {}

  Status run();

 private:
  Status check_state(Epoch epoch);
  Status check_object(ObjectId object);
  Status check_dkey(Place place);
  Status check_akey(const Place& place);
  Status check_single_value(const Place& place);
  Status check_array(const Place& place, const ListedRecx& listed);
  // Ok if `status` is damage, which is noted; other faults go on.
  Status note_damage(const Place& place, const Status& status, std::string_view where);

  Invocation& invocation_;
  client::Container& container_;
  Progress progress_;
  Epoch epoch_;                     // Of the state being checked.
  Epoch checked_through_ = kEpochZero;  // Of the state before it.
  uint64_t object_count_ = 0;
  uint64_t value_count_ = 0;
  ByteCount byte_count_ = 0;
  uint64_t damage_count_ = 0;
  Json damage_ = Json::array();
  Bytes buffer_;
};

Status ContainerCheck::run() {
  TRY_ASSIGN(std::vector<client::SnapshotInfo> snapshots, invocation_.run(container_.snapshots()));
  std::sort(snapshots.begin(), snapshots.end(),
            [](const client::SnapshotInfo& a, const client::SnapshotInfo& b) { return a.epoch < b.epoch; });
  for (const client::SnapshotInfo& snapshot : snapshots) TRY(check_state(snapshot.epoch));
  TRY(check_state(kEpochMax));
  progress_.finish();

  Json& response = invocation_.output().response();
  response["states"] = snapshots.size() + 1;
  response["objects"] = object_count_;
  response["values"] = value_count_;
  response["bytes"] = byte_count_;
  response["damaged"] = damage_count_;
  response["damage"] = std::move(damage_);
  const std::string read = fmt::format("{}, {}, {} in {}", count_text(object_count_, "object", "objects"),
                                       count_text(value_count_, "value", "values"), size_text(byte_count_),
                                       count_text(snapshots.size() + 1, "state", "states"));
  if (damage_count_ == 0) {
    invocation_.output().line("No damage: read {}.", read);
    return ok();
  }
  return Status(Code::kCorrupt,
                fmt::format("{} damaged of {} read; copy what is whole to a new container with 'daos filesystem copy', "
                            "and the rest from elsewhere",
                            count_text(damage_count_, "place is", "places are"), read));
}

Status ContainerCheck::check_state(Epoch epoch) {
  epoch_ = epoch;
  const Status status =
      for_each_object(invocation_, container_, epoch, [&](const ObjectId& object) { return check_object(object); });
  TRY(note_damage({}, status, "the list of objects"));
  checked_through_ = epoch;
  return ok();
}

Status ContainerCheck::check_object(ObjectId object) {
  ++object_count_;
  progress_.update(object_count_, 0, byte_count_, 0);
  const Status status = for_each_dkey(invocation_, container_, object, epoch_, [&](const Bytes& dkey) {
    return check_dkey({.object = object, .dkey = dkey, .akey = {}});
  });
  return note_damage({.object = object, .dkey = {}, .akey = {}}, status, "the list of its dkeys");
}

Status ContainerCheck::check_dkey(Place place) {
  const Status status =
      for_each_akey(invocation_, container_, place.object, place.dkey, epoch_, [&](const Bytes& akey) {
        place.akey = akey;
        return check_akey(place);
      });
  place.akey.clear();
  return note_damage(place, status, "the list of its akeys");
}

Status ContainerCheck::check_akey(const Place& place) {
  bool is_array = false;
  const Status status = for_each_recx(invocation_, container_, place.object, place.dkey, place.akey, epoch_,
                                      [&](const ListedRecx& listed) {
                                        is_array = true;
                                        return listed.epoch > checked_through_ ? check_array(place, listed) : ok();
                                      });
  if (!status.is_ok()) return note_damage(place, status, "the list of its extents");
  return is_array ? ok() : check_single_value(place);
}

Status ContainerCheck::check_single_value(const Place& place) {
  for (int attempt = 0; attempt < 2; ++attempt) {  // First for the size, then for the value.
    std::vector<AkeyFetch> fetches(1);
    fetches[0].akey = place.akey;
    if (attempt == 1) fetches[0].out.emplace_back(buffer_);
    const auto fetched = invocation_.run(container_.fetch(place.object, place.dkey, std::move(fetches), 0, epoch_));
    if (!fetched.is_ok()) return note_damage(place, fetched.status(), "its value");
    const FetchedAkey& akey = (*fetched)[0];
    if (attempt == 1 || akey.record_size == 0) continue;
    if (!akey.segments.empty() && akey.segments[0].epoch <= checked_through_) return ok();
    if (akey.record_size > kValueBytesMax) {
      return note_damage(place, Status(Code::kCorrupt, "its size is beyond any value's"), "its value");
    }
    buffer_.resize(akey.record_size);
    ++value_count_;
    byte_count_ += akey.record_size;
  }
  return ok();
}

Status ContainerCheck::check_array(const Place& place, const ListedRecx& listed) {
  ++value_count_;
  const uint64_t record_size = std::max<uint64_t>(listed.record_size, 1);
  const uint64_t step = std::max<uint64_t>(kReadBytesMax / record_size, 1);
  if (record_size > kValueBytesMax) {
    return note_damage(place, Status(Code::kCorrupt, "its record size is beyond any value's"), "its extents");
  }
  for (uint64_t done = 0; done < listed.recx.count;) {
    TRY(check_interrupt("nothing was changed"));
    const uint64_t count = std::min(step, listed.recx.count - done);
    buffer_.resize(count * record_size);
    std::vector<AkeyFetch> fetches(1);
    fetches[0].akey = place.akey;
    fetches[0].kind = ValueKind::kArray;
    fetches[0].recxs = {Recx{listed.recx.index + done, count}};
    fetches[0].out.emplace_back(buffer_);
    const auto fetched = invocation_.run(container_.fetch(place.object, place.dkey, std::move(fetches), 0, epoch_));
    if (!fetched.is_ok()) {
      const std::string where =
          fmt::format("records {} to {}", listed.recx.index + done, listed.recx.index + done + count - 1);
      TRY(note_damage(place, fetched.status(), where));
    }
    done += count;
    byte_count_ += count * record_size;
    progress_.update(object_count_, 0, byte_count_, 0);
  }
  return ok();
}

Status ContainerCheck::note_damage(const Place& place, const Status& status, std::string_view where) {
  if (status.is_ok()) return ok();
  // kIo: the medium can't give the bytes back, which is damage too.
  if (status.code() != Code::kCorrupt && status.code() != Code::kIo) return status;
  if (damage_count_++ >= kDamageShownMax) return ok();
  Json entry;
  entry["object"] = place.object.to_string();
  if (!place.dkey.empty()) put_bytes(entry, "dkey", as_text(place.dkey));
  if (!place.akey.empty()) put_bytes(entry, "akey", as_text(place.akey));
  entry["where"] = where;
  entry["state"] = epoch_ == kEpochMax ? "newest" : epoch_text(epoch_);
  entry["message"] = status.message();
  damage_.push_back(entry);
  progress_.finish();
  invocation_.output().line("damaged: object {} dkey {} akey {}: {}: {}", place.object.to_string(),
                            place.dkey.empty() ? "-" : printable(as_text(place.dkey)),
                            place.akey.empty() ? "-" : printable(as_text(place.akey)), where,
                            printable(status.message()));
  return ok();
}

}  // namespace

Status run_container_check(Invocation& invocation) {
  TRY_ASSIGN(const std::shared_ptr<client::Container> container, invocation.container(client::Access::kReadOnly));
  ContainerCheck check(invocation, *container);
  return check.run();
}

}  // namespace aeon::cli
