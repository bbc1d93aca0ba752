#include "vos/inspector.h"

#include <algorithm>
#include <map>

#include "container_state.h"
#include "done_requests.h"
#include "intent_record.h"
#include "key_codec.h"
#include "space_accounting.h"
#include "stored_record.h"
#include "value_check.h"
#include "value_record.h"

namespace aeon::vos {

namespace {

DamagedPlace store_damage(std::string place, Status status) {
  DamagedPlace damage;
  damage.what = DamagedPlace::What::kStore;
  damage.place = std::move(place);
  damage.status = std::move(status);
  return damage;
}

DamagedPlace page_damage(const media::PageReport& page) {
  const Bytes end = page.has_end ? page.end_key : Bytes();
  return place_of_page("index page at block " + std::to_string(page.block), page.status, page.first_key, end);
}

void count(const StoredRecord& record, ContainerSpace& space) {
  space.index_bytes += record.index_bytes;
  space.inline_bytes += record.inline_bytes.size();
  for (const media::BlockRange& range : record.blocks) space.block_bytes += range.count * media::kBlockSize;
  space.value_bytes += record.bytes;
  switch (record.kind) {
    case StoredRecord::Kind::kSingle:
    case StoredRecord::Kind::kExtent: ++space.values; break;
    case StoredRecord::Kind::kForeign:
    case StoredRecord::Kind::kStamp:
    case StoredRecord::Kind::kSeveralShapes: break;
    default: ++space.punches; break;
  }
}

// The store's own records, as they come in key order.
class OverviewBuilder {
 public:
  explicit OverviewBuilder(StoreOverview& overview) : overview_(overview) {}

  void add_store_record(ByteView key, ByteView value) {
    overview_.others.index_bytes += key.size() + value.size();
    const ByteView rest = key.subspan(std::min(key.size(), kContainerPrefixSize + 1));
    switch (static_cast<StoreRecord>(key.size() > kContainerPrefixSize ? key[kContainerPrefixSize] : std::byte{0})) {
      case StoreRecord::kInfo: {
        if (value.size() >= 4) overview_.format_version = load_le<uint32_t>(value.data());
        overview_.status = decode_store_info(value).status();
        if (overview_.status.code() == Code::kCorrupt) note(key, overview_.status);
        break;
      }
      case StoreRecord::kContainer: {
        if (rest.size() != sizeof(Uuid::bytes) || value.size() < 4) return note(key, foreign());
        at(load_le<uint32_t>(value.data())).id = uuid_of(rest);
        break;
      }
      case StoreRecord::kContainerInfo: {
        const auto info = decode_container_info(value);
        if (rest.size() != 4 || !info.is_ok()) return note(key, info.is_ok() ? foreign() : info.status());
        StoredContainer& container = at(load_be32(rest.data()));
        container.epoch_bound = info->bound;
        container.guards_reads = info->guards_reads;
        container.epochs = info->epochs;
        container.committed = info->committed;
        container.base_number = info->base_number;
        container.base_epoch = info->base_epoch;
        container.is_hidden = info->is_hidden;
        if (container.id.is_nil()) container.id = info->id;
        container.aggregated_through = info->aggregated_through;
        break;
      }
      case StoreRecord::kSnapshot:
        if (rest.size() != 12) return note(key, foreign());
        at(load_be32(rest.data())).snapshots.push_back(Epoch{load_be64(rest.data() + 4)});
        break;
      case StoreRecord::kDying:
        if (rest.size() != 4) return note(key, foreign());
        at(load_be32(rest.data())).is_destroyed = true;
        break;
      case StoreRecord::kMetadata: overview_.metadata.emplace_back(std::string(as_text(rest)), to_bytes(value)); break;
      case StoreRecord::kIntent: add_piece(key, rest, value); break;
      case StoreRecord::kDecision: add_decision(key, rest, value); break;
      case StoreRecord::kDoneRequest: {
        const Result<DoneRecord> record = decode_done_record(value);
        if (rest.size() != 9 || !record.is_ok()) return note(key, record.is_ok() ? foreign() : record.status());
        ++overview_.remembered_requests;
        break;
      }
      case StoreRecord::kSpace: {
        const Result<SpaceUse> use = decode_space(value);
        if (rest.size() != 4 || !use.is_ok()) return note(key, use.is_ok() ? foreign() : use.status());
        if (StoredContainer* const container = find(rest); container != nullptr) container->counters = *use;
        break;
      }
      default: break;  // Of a later format.
    }
  }

  void add_object_record(const StoredRecord& record) {
    if (!record.status.is_ok()) overview_.damage.push_back(place_of(record));
    const auto found = containers_.find(record.container);
    ContainerSpace& space = found != containers_.end() ? found->second.space : overview_.others;
    count(record, space);
    // In key order, so an object's records come one after the other.
    if (record.has_object && (last_container_ != record.container || last_object_ != record.object)) ++space.objects;
    last_container_ = record.container;
    last_object_ = record.object;
  }

  void finish() {
    end_intent();
    for (auto& [number, container] : containers_) overview_.containers.push_back(std::move(container));
  }

 private:
  static Status foreign() { return Status(Code::kCorrupt, "a record of the store has a form that it doesn't write"); }
  void note(ByteView key, const Status& status) {
    overview_.damage.push_back(store_damage(describe_index_key(key), status));
  }
  // Pieces of one transaction follow each other.
  void add_piece(ByteView key, ByteView rest, ByteView value) {
    StoredContainer* const container = rest.size() == 4 + 16 + 4 ? find(rest) : nullptr;
    if (container == nullptr) return note(key, foreign());
    const Uuid transaction = uuid_of(rest.subspan(4));
    const uint32_t piece = load_be32(rest.data() + 20);
    if (intent_of_ != container || intent_.transaction != transaction) end_intent();
    if (piece != piece_count_) intent_.status = Status(Code::kCorrupt, "a piece of it is missing");
    intent_of_ = container;
    intent_.transaction = transaction;
    ++piece_count_;
    pieces_.insert(pieces_.end(), value.begin(), value.end());
  }
  void end_intent() {
    if (intent_of_ == nullptr) return;
    const Result<IntentImage> image = decode_intent(std::exchange(pieces_, {}));
    if (intent_.status.is_ok()) intent_.status = image.status();
    if (intent_.status.is_ok()) {
      intent_.epoch = image->epoch;
      intent_.participants = to_bytes(image->participants);
      for (const IntentImage::Record& record : image->records) {
        intent_.records.push_back(take_apart(record.key, record.value));
      }
    }
    intent_of_->undecided.push_back(std::exchange(intent_, {}));
    intent_of_ = nullptr;
    piece_count_ = 0;
  }
  void add_decision(ByteView key, ByteView rest, ByteView value) {
    StoredContainer* const container = rest.size() == 4 + 8 ? find(rest) : nullptr;
    if (container == nullptr) return note(key, foreign());
    const uint64_t sequence = load_be64(rest.data() + 4);
    if (sequence == 0 && value.size() == 8) {
      container->decisions_forgotten = Epoch{load_le<uint64_t>(value.data())};
      return;
    }
    const Result<Decision> decision = decode_decision(value);
    if (!decision.is_ok()) return note(key, decision.status());
    container->decisions.push_back({.sequence = sequence,
                                    .transaction = decision->transaction,
                                    .epoch = decision->epoch,
                                    .is_commit = decision->is_commit(),
                                    .was_prepared = decision->outcome != Decision::Outcome::kCommittedAlone,
                                    .is_kept = decision->is_kept()});
  }
  // By its number; null if there is no such container.
  StoredContainer* find(ByteView number) {
    const auto found = containers_.find(load_be32(number.data()));
    return found == containers_.end() ? nullptr : &found->second;
  }
  StoredContainer& at(uint32_t number) {
    StoredContainer& container = containers_[number];
    container.number = number;
    return container;
  }

  StoreOverview& overview_;
  std::map<uint32_t, StoredContainer> containers_;
  uint32_t last_container_ = 0;
  ObjectId last_object_;
  StoredContainer* intent_of_ = nullptr;  // Whose intent is being put together.
  StoredIntent intent_;
  uint32_t piece_count_ = 0;
  Bytes pieces_;
};

}  // namespace

std::string_view name_of(StoredRecord::Kind kind) {
  switch (kind) {
    case StoredRecord::Kind::kForeign: return "foreign";
    case StoredRecord::Kind::kObjectPunch: return "object punch";
    case StoredRecord::Kind::kDkeyPunch: return "dkey punch";
    case StoredRecord::Kind::kAkeyPunch: return "akey punch";
    case StoredRecord::Kind::kSeveralShapes: return "mark of several shapes";
    case StoredRecord::Kind::kSingle: return "single value";
    case StoredRecord::Kind::kSinglePunch: return "single value punch";
    case StoredRecord::Kind::kExtent: return "extent";
    case StoredRecord::Kind::kExtentPunch: return "extent punch";
    case StoredRecord::Kind::kStamp: return "stamp";
  }
  return "foreign";
}

Task<Result<std::unique_ptr<Inspector>>> Inspector::open(Disk& disk) {
  CO_TRY_ASSIGN(std::unique_ptr<media::Inspector> media, co_await media::Inspector::open(disk));
  co_return std::make_unique<Inspector>(std::move(media));
}

Inspector::Inspector(std::unique_ptr<media::Inspector> media) : media_(std::move(media)) {}
Inspector::~Inspector() = default;

Bytes Inspector::prefix_of(uint32_t container) { return container_prefix(container); }
Bytes Inspector::prefix_of(uint32_t container, ObjectId object) { return object_prefix(container, object); }

Result<Bytes> Inspector::prefix_of(uint32_t container, ObjectId object, ByteView dkey) {
  TRY(check_user_key("a dkey", dkey_order(object), dkey));
  return key_prefix(object_prefix(container, object), dkey_order(object), dkey);
}

Result<Bytes> Inspector::prefix_of(uint32_t container, ObjectId object, ByteView dkey, ByteView akey) {
  TRY_ASSIGN(const Bytes parent, prefix_of(container, object, dkey));
  TRY(check_user_key("an akey", akey_order(object), akey));
  return key_prefix(parent, akey_order(object), akey);
}

Task<Result<StoreOverview>> Inspector::overview(bool with_space) {
  CO_TRY(media_->usable());
  StoreOverview overview;
  OverviewBuilder builder(overview);
  media::Inspector::EntryWalk walk(*media_, {});
  const Bytes objects = container_prefix(kStoreNumber + 1);
  while (true) {
    const media::Inspector::EntryWalk::Step step = co_await walk.next();
    if (step == media::Inspector::EntryWalk::Step::kEnd) break;
    const bool is_damage = step == media::Inspector::EntryWalk::Step::kDamage;
    const ByteView at = is_damage ? ByteView(walk.damage().first_key) : walk.key();
    const bool is_of_objects = compare_bytes(at, objects) >= 0;
    if (is_of_objects && !with_space) break;
    if (is_damage) {
      overview.damage.push_back(page_damage(walk.damage()));
    } else if (is_of_objects) {
      builder.add_object_record(take_apart(walk.key(), walk.value()));
    } else {
      builder.add_store_record(walk.key(), walk.value());
    }
  }
  builder.finish();
  co_return overview;
}

Inspector::RecordWalk::RecordWalk(Inspector& inspector, Bytes prefix)
    : inspector_(inspector), prefix_(std::move(prefix)), walk_(inspector.media(), prefix_) {}
Inspector::RecordWalk::~RecordWalk() = default;

Task<Inspector::RecordWalk::Step> Inspector::RecordWalk::next() {
  const Bytes end = prefix_end(prefix_);
  const media::Inspector::EntryWalk::Step step = co_await walk_.next();
  if (step == media::Inspector::EntryWalk::Step::kEnd) co_return Step::kEnd;
  if (step == media::Inspector::EntryWalk::Step::kDamage) {
    if (compare_bytes(walk_.damage().first_key, end) >= 0) co_return Step::kEnd;
    damage_ = page_damage(walk_.damage());
    co_return Step::kDamage;
  }
  if (!starts_with(walk_.key(), prefix_)) co_return Step::kEnd;
  record_ = take_apart(walk_.key(), walk_.value());
  record_.page_block = walk_.page_block();
  co_return Step::kRecord;
}

Task<Status> Inspector::check(const StoredRecord& record, Bytes* content) {
  CO_TRY(record.status);
  if (!record.has_value()) co_return ok();
  BlocksOf<media::Inspector> source(*media_);
  ValuePlace place;
  place.size = record.bytes;
  place.inline_bytes = record.inline_bytes;
  place.blocks = record.blocks;
  place.chunk = record.chunk;
  place.checksums = record.checksums;
  co_return co_await check_value(&source, &place, content);
}

}  // namespace aeon::vos
