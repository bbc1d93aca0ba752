#include "base/ids.h"

#include <charconv>

namespace aeon {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool dash_before(size_t byte_index) {
  return byte_index == 4 || byte_index == 6 || byte_index == 8 || byte_index == 10;
}

}  // namespace

bool Uuid::is_nil() const { return bytes == std::array<uint8_t, 16>{}; }

std::string Uuid::to_string() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (dash_before(i)) text += '-';
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

std::optional<Uuid> Uuid::parse(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  Uuid id;
  size_t at = 0;
  for (size_t i = 0; i < id.bytes.size(); ++i) {
    if (dash_before(i) && text[at++] != '-') return std::nullopt;
    const int high = hex_digit(text[at]);
    const int low = hex_digit(text[at + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    id.bytes[i] = static_cast<uint8_t>(high * 16 + low);
    at += 2;
  }
  return id;
}

Uuid Uuid::from_random(uint64_t high, uint64_t low) {
  Uuid id;
  for (size_t i = 0; i < 8; ++i) {
    id.bytes[i] = static_cast<uint8_t>(high >> (56 - 8 * i));
    id.bytes[8 + i] = static_cast<uint8_t>(low >> (56 - 8 * i));
  }
  id.bytes[6] = static_cast<uint8_t>((id.bytes[6] & 0x0f) | 0x40);
  id.bytes[8] = static_cast<uint8_t>((id.bytes[8] & 0x3f) | 0x80);
  return id;
}

std::string ObjectId::to_string() const { return std::to_string(hi) + "." + std::to_string(lo); }

std::optional<ObjectId> ObjectId::parse(std::string_view text) {
  ObjectId id;
  const char* end = text.data() + text.size();
  const auto [dot, high_error] = std::from_chars(text.data(), end, id.hi);
  if (high_error != std::errc() || dot == end || *dot != '.') return std::nullopt;
  const auto [last, low_error] = std::from_chars(dot + 1, end, id.lo);
  if (low_error != std::errc() || last != end) return std::nullopt;
  return id;
}

}  // namespace aeon
