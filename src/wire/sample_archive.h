// Fills messages with made-up values, by the same field lists as everything else. For tests and fuzzing.
#pragma once

#include "wire/messages.h"

namespace aeon::wire {

class SampleArchive {
 public:
  explicit SampleArchive(uint64_t seed) : state_(seed) {}

  template <typename... Fields>
  void operator()(Fields&... values) {
    (make(values), ...);
  }
  // What a later version appended leaves the values of all others as they were.
  template <typename... Fields>
  void since(uint16_t, Fields&... values) {
    const uint64_t before = state_;
    (make(values), ...);
    state_ = before;
  }

 private:
  uint64_t next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return state_ >> 16;
  }

  template <std::integral T>
  void make(T& value) {
    value = static_cast<T>(next());
  }
  void make(bool& value) { value = next() % 2 == 1; }
  template <typename E>
    requires std::is_enum_v<E>
  void make(E& value) {
    const auto first = static_cast<uint64_t>(EnumRange<E>::kFirst);
    value = static_cast<E>(first + next() % (static_cast<uint64_t>(EnumRange<E>::kLast) - first + 1));
  }
  void make(std::string& text) { text = "text " + std::to_string(next() % 1000); }
  void make(Bytes& bytes) {
    bytes.resize(next() % 12);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(next());
  }
  void make(Uuid& id) {
    const uint64_t high = next();
    id = Uuid::from_random(high, next());
  }
  template <typename T>
  void make(std::vector<T>& list) {
    list.resize(1 + next() % 3);
    for (T& element : list) make(element);
  }
  template <typename K, typename V>
  void make(std::map<K, V>& map) {
    for (uint64_t left = 1 + next() % 3; left > 0; --left) {
      K key{};
      make(key);
      make(map[key]);
    }
  }
  template <typename T>
  void make(std::optional<T>& value) {
    value.reset();
    if (next() % 2 == 1) make(value.emplace());
  }
  void make(PropertyValue& value) {
    if (next() % 2 == 1) {
      make(value.emplace<0>());
    } else {
      make(value.emplace<1>());
    }
  }
  template <typename T>
    requires std::is_class_v<T>
  void make(T& value) {
    internal::fields(*this, value);
  }

  uint64_t state_;
};

template <typename Message>
Message sample(uint64_t seed) {
  SampleArchive archive(seed);
  Message message;
  archive(message);
  return message;
}

}  // namespace aeon::wire
