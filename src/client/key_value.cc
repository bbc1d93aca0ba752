#include "client/key_value.h"

namespace aeon::client {
namespace {

constexpr std::string_view kValueAkey = "0";
constexpr size_t kFirstTry = 4 * kKiB;  // What a value is first given when its size isn't known.

Task<Status> status_only(Task<Result<Epoch>> writing) {
  const Result<Epoch> epoch = co_await writing;
  co_return epoch.status();
}
Task<Status> refused(Status status) { co_return status; }

Status no_key(const std::string& key) { return Status(Code::kNotFound, "no key '" + key + "'"); }

// The value's size; 0 if there is none.
Task<Result<ByteCount>> fetch_value(std::shared_ptr<Container> container, ObjectId object, std::string key,
                                    MutableBytes out, Epoch epoch) {
  std::vector<AkeyFetch> fetch(1);
  fetch[0].akey = to_bytes(kValueAkey);
  if (!out.empty()) fetch[0].out.push_back(out);
  CO_TRY_ASSIGN(const std::vector<FetchedAkey> fetched,
                co_await container->fetch(object, to_bytes(key), std::move(fetch), 0, epoch));
  co_return fetched[0].record_size;
}

Task<Result<ByteCount>> get_into(std::shared_ptr<Container> container, ObjectId object, std::string key,
                                 MutableBytes out, Epoch epoch) {
  CO_TRY_ASSIGN(const ByteCount size, co_await fetch_value(container, object, key, out, epoch));
  if (size == 0) co_return no_key(key);
  co_return size;
}

Task<Result<Bytes>> get_whole(std::shared_ptr<Container> container, ObjectId object, std::string key, Epoch epoch) {
  Bytes value(kFirstTry);
  while (true) {
    const Result<ByteCount> size = co_await fetch_value(container, object, key, value, epoch);
    if (size.is_ok()) {
      if (*size == 0) co_return no_key(key);
      value.resize(*size);
      co_return value;
    }
    if (size.code() != Code::kTooBig) co_return size.status();
    CO_TRY_ASSIGN(const ByteCount needed, co_await fetch_value(container, object, key, MutableBytes(), epoch));
    if (needed <= value.size()) continue;  // It was replaced by a smaller one meanwhile.
    value.resize(needed);
  }
}

}  // namespace

Task<Status> KeyValue::put(std::string key, ByteView value, uint32_t conditions) {
  if (value.empty()) return refused(Status(Code::kInvalidArgument, "key '" + key + "' can't be given an empty value"));
  std::vector<ObjectWrite> writes(1);
  writes[0].object = object_;
  writes[0].dkey = to_bytes(key);
  writes[0].conditions = conditions;
  AkeyUpdate& update = writes[0].akeys.emplace_back();
  update.akey = to_bytes(kValueAkey);
  update.record_size = value.size();
  update.data.push_back(value);
  return status_only(container_->write(std::move(writes)));
}

Task<Result<ByteCount>> KeyValue::get(std::string key, MutableBytes out) {
  return get_into(container_, object_, std::move(key), out, epoch_);
}

Task<Result<Bytes>> KeyValue::get(std::string key) { return get_whole(container_, object_, std::move(key), epoch_); }

Task<Status> KeyValue::remove(std::string key, uint32_t conditions) {
  std::vector<ObjectWrite> writes(1);
  writes[0].kind = ObjectWrite::Kind::kPunchDkey;
  writes[0].object = object_;
  writes[0].dkey = to_bytes(key);
  writes[0].conditions = conditions;
  return status_only(container_->write(std::move(writes)));
}

Task<Result<KeyPage>> KeyValue::list(Anchor from, ListLimits limits) {
  return container_->list_dkeys(object_, std::move(from), limits, epoch_);
}

Task<Status> KeyValue::destroy() {
  std::vector<ObjectWrite> writes(1);
  writes[0].kind = ObjectWrite::Kind::kPunchObject;
  writes[0].object = object_;
  return status_only(container_->write(std::move(writes)));
}

}  // namespace aeon::client
