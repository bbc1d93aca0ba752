#include "handle_table.h"

#include <atomic>
#include <utility>

#include "base/check.h"

namespace aeon::capi {
namespace {

// From the top: 32 bits generation, 24 bits slot, 8 bits kind.
constexpr int kKindBits = 8;
constexpr int kIndexBits = 24;

uint32_t index_of(daos_handle_t handle) {
  return static_cast<uint32_t>(handle.cookie >> kKindBits) & ((1u << kIndexBits) - 1);
}
uint32_t generation_of(daos_handle_t handle) {
  return static_cast<uint32_t>(handle.cookie >> (kKindBits + kIndexBits));
}
HandleKind kind_of(daos_handle_t handle) { return static_cast<HandleKind>(handle.cookie & ((1u << kKindBits) - 1)); }

std::atomic<uint32_t> newest_generation{0};

void raise_newest(uint32_t generation) {
  uint32_t newest = newest_generation.load();
  while (newest < generation && !newest_generation.compare_exchange_weak(newest, generation)) {}
}

}  // namespace

// Above all that tables of this process, or of those it was forked from, have given out.
HandleTable::HandleTable() : first_generation_(newest_generation.load() + 1) { raise_newest(first_generation_); }

daos_handle_t HandleTable::insert_entry(HandleKind kind, std::shared_ptr<void> object) {
  CHECK(object != nullptr);
  const std::lock_guard lock(mutex_);
  if (free_.empty()) {
    if (slots_.size() == size_t{1} << kIndexBits) return DAOS_HDL_INVAL;
    free_.push_back(static_cast<uint32_t>(slots_.size()));
    slots_.emplace_back().generation = first_generation_;
  }
  const uint32_t index = free_.back();
  free_.pop_back();
  Slot& slot = slots_[index];
  slot.object = std::move(object);
  slot.kind = kind;
  return {uint64_t{slot.generation} << (kKindBits + kIndexBits) | uint64_t{index} << kKindBits |
          static_cast<uint64_t>(kind)};
}

bool HandleTable::is_open(HandleKind kind, daos_handle_t handle) const {
  if (kind_of(handle) != kind || index_of(handle) >= slots_.size()) return false;
  const Slot& slot = slots_[index_of(handle)];
  return slot.object != nullptr && slot.kind == kind && slot.generation == generation_of(handle);
}

std::shared_ptr<void> HandleTable::find_entry(HandleKind kind, daos_handle_t handle) const {
  const std::lock_guard lock(mutex_);
  return is_open(kind, handle) ? slots_[index_of(handle)].object : nullptr;
}

std::shared_ptr<void> HandleTable::empty_slot(uint32_t index) {
  Slot& slot = slots_[index];
  // A slot whose generations are used up stays empty for good: a handle must never come back.
  if (++slot.generation != 0) free_.push_back(index);
  raise_newest(slot.generation);
  return std::exchange(slot.object, nullptr);
}

std::shared_ptr<void> HandleTable::remove_entry(HandleKind kind, daos_handle_t handle) {
  const std::lock_guard lock(mutex_);
  return is_open(kind, handle) ? empty_slot(index_of(handle)) : nullptr;
}

std::vector<std::shared_ptr<void>> HandleTable::remove_all() {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<void>> objects;
  for (uint32_t index = 0; index < slots_.size(); ++index) {
    if (slots_[index].object != nullptr) objects.push_back(empty_slot(index));
  }
  return objects;
}

}  // namespace aeon::capi
