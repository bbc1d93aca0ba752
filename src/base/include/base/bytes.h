// Byte spans, and little- and big-endian integers at any alignment.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace aeon {

using Bytes = std::vector<std::byte>;
using ByteView = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

static_assert(std::endian::native == std::endian::little, "formats are little-endian; big-endian hosts need swaps");

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
inline Bytes to_bytes(ByteView view) { return Bytes(view.begin(), view.end()); }
inline Bytes to_bytes(std::string_view text) { return to_bytes(as_bytes(text)); }

template <typename T>
  requires std::is_trivially_copyable_v<T>
T load_le(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
template <typename T>
  requires std::is_trivially_copyable_v<T>
void store_le(std::byte* to, T value) {
  std::memcpy(to, &value, sizeof value);
}
inline uint64_t load_be64(const std::byte* from) { return __builtin_bswap64(load_le<uint64_t>(from)); }
inline void store_be64(std::byte* to, uint64_t value) { store_le(to, __builtin_bswap64(value)); }
inline uint32_t load_be32(const std::byte* from) { return __builtin_bswap32(load_le<uint32_t>(from)); }
inline void store_be32(std::byte* to, uint32_t value) { store_le(to, __builtin_bswap32(value)); }

inline std::strong_ordering compare_bytes(ByteView a, ByteView b) {
  const size_t shared = a.size() < b.size() ? a.size() : b.size();
  if (shared != 0) {
    const int order = std::memcmp(a.data(), b.data(), shared);
    if (order != 0) return order < 0 ? std::strong_ordering::less : std::strong_ordering::greater;
  }
  return a.size() <=> b.size();
}
inline bool equal_bytes(ByteView a, ByteView b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

inline constexpr uint64_t round_up(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }
inline constexpr uint64_t round_down(uint64_t value, uint64_t unit) { return value / unit * unit; }

}  // namespace aeon
