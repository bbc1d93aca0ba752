// Log events: a stable name and fields, one line each.
//
//   log::warn("log_tail_cut", {{"device", path}, {"offset", offset}, {"status", status}});
//
// Whoever handles a fault logs it, once. Nothing is logged per I/O. Lines go to standard error as
// `time level name key=value …`, or as JSON objects with AEON_LOG_FORMAT=json. AEON_LOG_LEVEL chooses
// debug, info, warn (the default in libraries) or error. Thread-safe.
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/status.h"
#include "base/units.h"

namespace aeon::log {

enum class Level { kDebug, kInfo, kWarn, kError, kOff };

class Field {
 public:
  Field(std::string_view key, std::string_view value) : key_(key), value_(value), quoted_(true) {}
  Field(std::string_view key, const char* value) : Field(key, std::string_view(value)) {}
  Field(std::string_view key, const std::string& value) : Field(key, std::string_view(value)) {}
  Field(std::string_view key, const Status& status) : Field(key, std::string_view(status.to_string())) {}
  Field(std::string_view key, const Uuid& id) : Field(key, std::string_view(id.to_string())) {}
  Field(std::string_view key, const ObjectId& id) : Field(key, std::string_view(id.to_string())) {}
  Field(std::string_view key, Epoch epoch) : Field(key, epoch.value) {}
  Field(std::string_view key, bool value) : key_(key), value_(value ? "true" : "false"), quoted_(false) {}
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Field(std::string_view key, T value) : key_(key), value_(std::to_string(value)), quoted_(false) {}

  std::string_view key() const { return key_; }
  std::string_view value() const { return value_; }
  bool is_quoted() const { return quoted_; }

 private:
  std::string_view key_;
  std::string value_;
  bool quoted_;
};

Level level();
void set_level(Level level);
void write(Level level, std::string_view name, std::initializer_list<Field> fields);

inline void debug(std::string_view name, std::initializer_list<Field> fields = {}) {
  write(Level::kDebug, name, fields);
}
inline void info(std::string_view name, std::initializer_list<Field> fields = {}) { write(Level::kInfo, name, fields); }
inline void warn(std::string_view name, std::initializer_list<Field> fields = {}) { write(Level::kWarn, name, fields); }
inline void error(std::string_view name, std::initializer_list<Field> fields = {}) {
  write(Level::kError, name, fields);
}

}  // namespace aeon::log
