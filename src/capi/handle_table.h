// What the 64-bit handles of C programs stand for.
#pragma once

#include <daos_types.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace aeon::capi {

// Part of every handle, so that one of another kind is told apart; the numbers of daos_types.h.
enum class HandleKind : uint8_t {
  kQueue = DAOS_HTYPE_EQ,
  kPool = DAOS_HTYPE_POOL,
  kContainer = DAOS_HTYPE_CO,
  kObject = DAOS_HTYPE_OBJ,
  kArray = DAOS_HTYPE_ARRAY,
  kTransaction = DAOS_HTYPE_TX,
  kKeyValue = DAOS_HTYPE_KV,
};

// From handles to what they are open on. Handles are never given out twice: a stale one finds nothing, nor does one
// that was made up, short of guessing a live one's 64 bits. From any thread.
//
// A type T that has handles says which as T::kKind.
class HandleTable {
 public:
  HandleTable();
  template <typename T>
  daos_handle_t insert(std::shared_ptr<T> object) {
    return insert_entry(T::kKind, std::move(object));
  }
  // Null if `handle` isn't an open one of T.
  template <typename T>
  std::shared_ptr<T> find(daos_handle_t handle) const {
    return std::static_pointer_cast<T>(find_entry(T::kKind, handle));
  }
  // Ends the handle, and gives what it stood for to the one caller who ended it.
  template <typename T>
  std::shared_ptr<T> remove(daos_handle_t handle) {
    return std::static_pointer_cast<T>(remove_entry(T::kKind, handle));
  }
  std::vector<std::shared_ptr<void>> remove_all();

 private:
  struct Slot {
    std::shared_ptr<void> object;
    uint32_t generation = 0;
    HandleKind kind = HandleKind::kPool;
  };

  daos_handle_t insert_entry(HandleKind kind, std::shared_ptr<void> object);
  std::shared_ptr<void> find_entry(HandleKind kind, daos_handle_t handle) const;
  std::shared_ptr<void> remove_entry(HandleKind kind, daos_handle_t handle);
  bool is_open(HandleKind kind, daos_handle_t handle) const;
  std::shared_ptr<void> empty_slot(uint32_t index);

  const uint32_t first_generation_;
  mutable std::mutex mutex_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
};

}  // namespace aeon::capi
