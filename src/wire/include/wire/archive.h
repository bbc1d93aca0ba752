// Encoding and decoding by one list of fields.
//
// A struct names its fields once, and everything that must agree about them is driven by that list:
//
//   struct PoolQueryReply {
//     PoolInfo pool;
//     uint64_t map_version = 0;
//     static void io(auto& archive, auto& self) {
//       archive(self.pool);
//       archive.since(2, self.map_version);   // Appended by protocol version 2.
//     }
//   };
//
// Fields are only ever appended, each with the version that brought it: an older reader's encoding leaves it out, and
// a newer reader leaves it at its default when it reads an older one's.
//
// Encoding: integers little-endian at their size; bool one byte; enums as their integer; text, bytes and lists a
// 32-bit count and the elements; optional values a presence byte; maps as lists of pairs in ascending order;
// variants their index and the value.
//
// A Decoder reads what may be hostile: it never reads past the end, never allocates more than in proportion to what
// is there, and after the first fault reads nothing more. finish() tells.
#pragma once

#include <array>
#include <concepts>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/data_model.h"
#include "base/ids.h"
#include "base/status.h"
#include "base/units.h"
#include "wire/buffer.h"

namespace aeon::wire {

template <typename T, typename U>
concept Is = std::same_as<std::remove_const_t<T>, U>;

// The values an enum may have on the wire; each enum that travels says so. Decoding any other is a fault.
template <typename E>
struct EnumRange;
template <>
struct EnumRange<ValueKind> {
  static constexpr ValueKind kFirst = ValueKind::kSingle, kLast = ValueKind::kArray;
};
template <>
struct EnumRange<ObjectWrite::Kind> {
  static constexpr ObjectWrite::Kind kFirst = ObjectWrite::Kind::kUpdate, kLast = ObjectWrite::Kind::kPunchAkeys;
};
template <>
struct EnumRange<TransactionRead::Of> {
  static constexpr TransactionRead::Of kFirst = TransactionRead::Of::kContainer, kLast = TransactionRead::Of::kAkey;
};
template <>
struct EnumRange<Code> {
  static constexpr Code kFirst = Code::kOk, kLast = Code::kInProgress;
};

// The field lists of what base/ defines.
template <typename A>
void io(A& archive, Is<Epoch> auto& epoch) {
  archive(epoch.value);
}
template <typename A>
void io(A& archive, Is<ObjectId> auto& id) {
  archive(id.hi, id.lo);
}
template <typename A>
void io(A& archive, Is<Recx> auto& recx) {
  archive(recx.index, recx.count);
}
template <typename A>
void io(A& archive, Is<Anchor> auto& anchor) {
  archive(anchor.position, anchor.is_end);
}
template <typename A>
void io(A& archive, Is<ListedRecx> auto& listed) {
  archive(listed.recx, listed.record_size, listed.epoch);
}
template <typename A>
void io(A& archive, Is<QueriedKey> auto& key) {
  archive(key.dkey, key.akey, key.recx, key.record_size);
}
// Without the data, which travels as bulk: its size follows from record_size and recxs.
template <typename A>
void io(A& archive, Is<AkeyUpdate> auto& update) {
  archive(update.akey, update.kind, update.record_size, update.recxs, update.checksums, update.conditions);
}
template <typename A>
void io(A& archive, Is<ObjectWrite> auto& write) {
  archive(write.kind, write.object, write.dkey, write.akeys, write.punched_akeys, write.conditions);
}
template <typename A>
void io(A& archive, Is<TransactionRead> auto& read) {
  archive(read.of, read.object, read.dkey, read.akey);
}
template <typename A>
void io(A& archive, Is<FetchedSegment> auto& segment) {
  archive(segment.recx, segment.epoch, segment.checksums);
}
template <typename A>
void io(A& archive, Is<FetchedAkey> auto& fetched) {
  archive(fetched.record_size, fetched.segments);
  archive.since(2, fetched.object_changed);
}

namespace internal {

// A struct's field list: a static member, or a function beside the type.
template <typename A, typename T>
void fields(A& archive, T& value) {
  if constexpr (requires { std::remove_const_t<T>::io(archive, value); }) {
    std::remove_const_t<T>::io(archive, value);
  } else {
    io(archive, value);
  }
}

}  // namespace internal

class Encoder {
 public:
  Encoder(Buffer& out, uint16_t version) : out_(out), version_(version) {}

  template <typename... Fields>
  void operator()(const Fields&... values) {
    (put(values), ...);
  }
  template <typename... Fields>
  void since(uint16_t version, const Fields&... values) {
    if (version_ >= version) (put(values), ...);
  }

 private:
  template <std::integral T>
  void put(T value) {
    store_le(out_.extend(sizeof value), value);
  }
  void put(bool value) { put(static_cast<uint8_t>(value)); }
  template <typename E>
    requires std::is_enum_v<E>
  void put(E value) {
    put(static_cast<std::underlying_type_t<E>>(value));
  }
  void put_count(size_t count) { put(static_cast<uint32_t>(count)); }
  void put(const std::string& text) {
    put_count(text.size());
    out_.append(as_bytes(text));
  }
  void put(const Bytes& bytes) {
    put_count(bytes.size());
    out_.append(bytes);
  }
  void put(const Uuid& id) { std::memcpy(out_.extend(id.bytes.size()), id.bytes.data(), id.bytes.size()); }
  template <typename T>
  void put(const std::vector<T>& list) {
    put_count(list.size());
    if constexpr (std::integral<T>) {
      out_.append(std::as_bytes(std::span(list)));
    } else {
      for (const T& element : list) put(element);
    }
  }
  template <typename K, typename V>
  void put(const std::map<K, V>& map) {
    put_count(map.size());
    for (const auto& [key, value] : map) {
      put(key);
      put(value);
    }
  }
  template <typename T>
  void put(const std::optional<T>& value) {
    put(value.has_value());
    if (value) put(*value);
  }
  template <typename... Ts>
  void put(const std::variant<Ts...>& value) {
    put(static_cast<uint8_t>(value.index()));
    std::visit([this](const auto& held) { this->put(held); }, value);
  }
  template <typename T>
    requires std::is_class_v<T>
  void put(const T& value) {
    internal::fields(*this, value);
  }

  Buffer& out_;
  uint16_t version_;
};

class Decoder {
 public:
  Decoder(ByteView in, uint16_t version) : in_(in), version_(version) {}

  template <typename... Fields>
  void operator()(Fields&... values) {
    (get(values), ...);
  }
  template <typename... Fields>
  void since(uint16_t version, Fields&... values) {
    if (version_ >= version) (get(values), ...);
  }

  // ok if everything was read and nothing is left over; otherwise `code`, saying what was wrong and where.
  Status finish(Code code) const {
    if (fault_ != nullptr) return failed(code);
    if (!in_.empty()) return Status(code, "malformed: " + std::to_string(in_.size()) + " bytes too many");
    return ok();
  }
  bool is_ok() const { return fault_ == nullptr; }
  ByteView rest() const { return in_; }

 private:
  Status failed(Code code) const;
  void fail(const char* fault) {
    if (fault_ != nullptr) return;
    fault_ = fault;
    left_at_fault_ = in_.size();
    in_ = {};
  }
  ByteView take(size_t size) {
    if (size > in_.size()) {
      fail("it ends too soon");
      return {};
    }
    const ByteView taken = in_.first(size);
    in_ = in_.subspan(size);
    return taken;
  }

  template <std::integral T>
  void get(T& value) {
    const ByteView taken = take(sizeof value);
    if (!taken.empty()) value = load_le<T>(taken.data());
  }
  void get(bool& value) {
    uint8_t byte = 0;
    get(byte);
    if (byte > 1) fail("a truth value is neither 0 nor 1");
    value = byte == 1;
  }
  template <typename E>
    requires std::is_enum_v<E>
  void get(E& value) {
    using Number = std::underlying_type_t<E>;
    auto number = static_cast<Number>(EnumRange<E>::kFirst);
    get(number);
    if (number < static_cast<Number>(EnumRange<E>::kFirst) || number > static_cast<Number>(EnumRange<E>::kLast)) {
      fail("an enumerated value is unknown");
      return;
    }
    value = static_cast<E>(number);
  }
  // Never more than there are bytes left: each element takes one at least.
  size_t get_count(size_t element_size = 1) {
    uint32_t count = 0;
    get(count);
    if (count > in_.size() / element_size) {
      fail("a count exceeds what follows");
      return 0;
    }
    return count;
  }
  void get(std::string& text) { text = std::string(as_text(take(get_count()))); }
  void get(Bytes& bytes) { bytes = to_bytes(take(get_count())); }
  void get(Uuid& id) {
    const ByteView taken = take(id.bytes.size());
    if (!taken.empty()) std::memcpy(id.bytes.data(), taken.data(), taken.size());
  }
  template <typename T>
  void get(std::vector<T>& list) {
    list.clear();
    if constexpr (std::integral<T>) {
      const size_t count = get_count(sizeof(T));
      const ByteView taken = take(count * sizeof(T));
      list.resize(count);
      if (count != 0) std::memcpy(list.data(), taken.data(), taken.size());
    } else {
      const size_t count = get_count();
      list.reserve(count < kReservedMax ? count : kReservedMax);
      for (size_t i = 0; i < count && is_ok(); ++i) get(list.emplace_back());
    }
  }
  template <typename K, typename V>
  void get(std::map<K, V>& map) {
    map.clear();
    const size_t count = get_count();
    for (size_t i = 0; i < count && is_ok(); ++i) {
      K key{};
      V value{};
      get(key);
      get(value);
      if (!map.empty() && !(map.rbegin()->first < key)) fail("the keys of a map aren't in order");
      if (is_ok()) map.emplace_hint(map.end(), std::move(key), std::move(value));
    }
  }
  template <typename T>
  void get(std::optional<T>& value) {
    bool is_there = false;
    get(is_there);
    value.reset();
    if (is_there) get(value.emplace());
  }
  template <typename... Ts>
  void get(std::variant<Ts...>& value) {
    uint8_t index = 0;
    get(index);
    if (index >= sizeof...(Ts)) {
      fail("a variant has no such alternative");
      return;
    }
    get_alternative(value, index, std::index_sequence_for<Ts...>{});
  }
  template <typename Variant, size_t... Is>
  void get_alternative(Variant& value, size_t index, std::index_sequence<Is...>) {
    ((index == Is ? get(value.template emplace<Is>()) : void()), ...);
  }
  template <typename T>
    requires std::is_class_v<T>
  void get(T& value) {
    internal::fields(*this, value);
  }

  static constexpr size_t kReservedMax = 64;

  ByteView in_;
  uint16_t version_;
  const char* fault_ = nullptr;
  size_t left_at_fault_ = 0;
};

}  // namespace aeon::wire
