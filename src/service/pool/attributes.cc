#include "pool/attributes.h"

#include <charconv>

#include "pool/record.h"

namespace aeon::pool {
namespace {

struct AttributeRecord {
  std::string name;
  Bytes value;
  static void io(auto& archive, auto& self) { archive(self.name, self.value); }
};

Status check_attribute(const std::string& name, const std::optional<Bytes>& value) {
  if (name.empty()) return Status(Code::kInvalidArgument, "an attribute needs a name");
  if (name.size() > kAttributeNameMax) {
    return Status(Code::kInvalidArgument,
                  "an attribute's name has at most 511 bytes, and this one has " + std::to_string(name.size()));
  }
  if (name.find('\0') != std::string::npos) {
    return Status(Code::kInvalidArgument, "an attribute's name can't contain NUL");
  }
  if (value.has_value() && value->size() > kAttributeValueMax) {
    return Status(Code::kTooBig,
                  "attribute '" + name + "' has " + std::to_string(value->size()) + " bytes; at most 4096 are kept");
  }
  return ok();
}

}  // namespace

std::string AttributeSet::record_name(uint32_t slot) const { return prefix_ + std::to_string(slot); }

Status AttributeSet::add_record(std::string_view name, ByteView record) {
  const std::string what = "'" + std::string(name) + "'";
  AttributeRecord attribute;
  TRY(decode_record(record, what, attribute));
  const std::string_view digits = name.substr(std::min(prefix_.size(), name.size()));
  Entry entry{.slot = 0, .value = std::move(attribute.value)};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), entry.slot);
  if (error != std::errc() || end != digits.data() + digits.size() || entry.slot == ~uint32_t{0}) {
    return Status(Code::kCorrupt, "the record " + what + " has no number");
  }
  next_slot_ = std::max(next_slot_, entry.slot + 1);
  entries_[attribute.name] = std::move(entry);
  return ok();
}

wire::Attributes AttributeSet::all() const {
  wire::Attributes attributes;
  for (const auto& [name, entry] : entries_) attributes.emplace_hint(attributes.end(), name, entry.value);
  return attributes;
}

Task<Status> AttributeSet::change(wire::AttributeChanges changes, std::vector<vos::Store::MetadataChange> also,
                                  RequestId id, DoneRequest done) {
  const Permit turn = co_await turn_.lock();
  size_t added = 0;
  std::map<std::string, uint32_t> slots;
  for (const auto& [name, value] : changes) {
    CO_TRY(check_attribute(name, value));
    const auto found = entries_.find(name);
    if (found != entries_.end()) {
      slots[name] = found->second.slot;
    } else if (value.has_value()) {
      slots[name] = next_slot_++;
      ++added;
    }  // Else it's gone already, which is as good: a repeated request finds it so.
  }
  if (entries_.size() + added > kAttributeCountMax) {
    co_return Status(Code::kTooBig, "more than " + std::to_string(kAttributeCountMax) + " attributes");
  }
  for (const auto& [name, value] : changes) {
    if (!slots.contains(name)) continue;
    vos::Store::MetadataChange change;
    change.name = record_name(slots[name]);
    if (value.has_value()) {
      AttributeRecord record;
      record.name = name;
      record.value = *value;
      change.value = encode_record(record);
    }
    also.push_back(std::move(change));
  }
  if (!also.empty()) CO_TRY(co_await store_.change_metadata(std::move(also), id, done));
  for (auto& [name, value] : changes) {
    if (value.has_value()) {
      Entry& entry = entries_[name];
      entry.slot = slots[name];
      entry.value = std::move(*value);
    } else {
      entries_.erase(name);
    }
  }
  co_return ok();
}

void AttributeSet::erase_all(std::vector<vos::Store::MetadataChange>& changes) const {
  for (const auto& [name, entry] : entries_) changes.push_back({.name = record_name(entry.slot), .value = {}});
}

}  // namespace aeon::pool
