// Identities: uuids and object ids.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace aeon {

// 16 bytes in the order they are printed.
struct Uuid {
  std::array<uint8_t, 16> bytes{};

  bool is_nil() const;
  std::string to_string() const;                         // 36 lower-case characters.
  static std::optional<Uuid> parse(std::string_view text);  // Upper or lower case, with dashes.
  // A version 4 uuid from 128 random bits.
  static Uuid from_random(uint64_t high, uint64_t low);

  friend auto operator<=>(const Uuid&, const Uuid&) = default;
};

// 128 bits; the upper 32 of `hi` are the system's: object type (8), redundancy class (8), group count (16).
// The other 96 belong to the user (000, "Object"; DAOS 2.x public headers).
struct ObjectId {
  uint64_t hi = 0;
  uint64_t lo = 0;

  std::string to_string() const;                         // "hi.lo" in decimal, as DAOS prints them.
  static std::optional<ObjectId> parse(std::string_view text);

  uint8_t type() const { return static_cast<uint8_t>(hi >> 56); }
  uint32_t object_class() const { return static_cast<uint32_t>(hi >> 32) & 0xffffff; }

  friend auto operator<=>(const ObjectId&, const ObjectId&) = default;
};

}  // namespace aeon
