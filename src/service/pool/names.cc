#include "pool/names.h"

#include <algorithm>

#include "base/ids.h"

namespace aeon::pool {

Status check_label(std::string_view label, std::string_view what) {
  const auto bad = [&](std::string_view why) {
    return Status(Code::kInvalidArgument, "a " + std::string(what) + " " + std::string(why));
  };
  if (label.empty()) return bad("can't be empty");
  if (label.size() > kLabelSizeMax) {
    return bad("has at most 127 characters, and this one has " + std::to_string(label.size()));
  }
  const bool is_printable = std::ranges::all_of(label, [](char c) { return c >= ' ' && c <= '~'; });
  if (!is_printable) return bad("has only printable ASCII characters");
  if (label.find('/') != std::string_view::npos) return bad("can't contain '/'");
  if (Uuid::parse(label).has_value()) return bad("can't look like a uuid");
  return ok();
}

}  // namespace aeon::pool
