#include "container/properties.h"

#include <algorithm>
#include <array>
#include <optional>

#include "pool/names.h"

namespace aeon::container {
namespace {

constexpr uint64_t kAny = ~uint64_t{0};

// Properties are numbers within [low, high], or text of at most `high` bytes.
struct Rule {
  uint32_t id;
  std::string_view name;
  bool is_text;
  uint64_t low;
  uint64_t high;
  std::optional<uint64_t> by_default;  // Of numbers; text is empty.
  bool may_change;
  std::string_view limits;             // Why not more; for messages.
};

constexpr std::string_view kNeedsTargets = "more needs redundancy, which takes several targets";
constexpr std::array kRules{
    Rule{kPropLabel, "label", true, 0, pool::kLabelSizeMax, {}, true, ""},
    Rule{kPropLayoutType, "layout_type", false, 0, 8, 0, false, "the layouts are numbered 0 to 8"},
    Rule{0x1003, "layout_version", false, 0, 0xffff, 1, false, "it has 16 bits"},
    Rule{0x1004, "cksum", false, 0, 2, 2, false, "crc32 (2) is the one there is, and off (0)"},
    Rule{0x1005, "cksum_size", false, kChecksumChunk, kCoarseChecksumChunk, kChecksumChunk, false,
         "chunks have 4 KiB, and up to 32 KiB may be asked for, as the most"},
    Rule{0x1006, "srv_cksum", false, 1, 1, 1, false, "the engine always verifies what it is sent"},
    Rule{0x1007, "rd_fac", false, 0, 0, 0, false, kNeedsTargets},
    Rule{0x1008, "rd_lvl", false, 1, 254, 2, false, "there are 1 to 254"},
    Rule{kPropSnapshotMax, "snapshot_max", false, 0, kAny, 0, true, ""},
    Rule{0x100b, "compression", false, 0, 0, 0, false, "there is none but off (0)"},
    Rule{0x100c, "encryption", false, 0, 0, 0, false, "there is none but off (0)"},
    Rule{0x100d, "owner", true, 0, 255, {}, true, ""},
    Rule{0x100e, "group", true, 0, 255, {}, true, ""},
    Rule{0x100f, "dedup", false, 0, 0, 0, false, "there is none but off (0)"},
    Rule{0x1010, "dedup_threshold", false, 0, kAny, 4096, false, ""},
    Rule{0x1011, "roots", true, 64, 64, {}, true, "they are four object ids, 64 bytes"},
    Rule{0x1012, "status", false, 0, kAny, 0, true, ""},
    Rule{kPropAllocatedNumber, "alloc_oid", false, 0, kAny / 2, {}, false, "numbers beyond would run out"},
    Rule{0x1014, "ec_cell_sz", false, 1024, kGiB, 128 * kKiB, false, "cells have 1 KiB to 1 GiB"},
    Rule{0x1015, "ec_pda", false, 0, 0xffffffff, 1, false, "it has 32 bits"},
    Rule{0x1016, "rp_pda", false, 0, 0xffffffff, 3, false, "it has 32 bits"},
    Rule{0x1018, "scrubber_disabled", false, 0, 1, 0, true, "it is 0 or 1"},
    Rule{0x101a, "perf_domain", false, 0, 255, 0, false, "there are 0 to 255"},
    Rule{kPropDurability, "durability", false, 0, 1, 0, true, "it is sync (0) or flush (1)"},
    Rule{kPropEpochs, "epochs", false, 0, 1, {}, false, "it is clock (0) or explicit (1)"},
};

std::string hex_id(uint32_t id) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "0x";
  for (int shift = 12; shift >= 0; shift -= 4) text += kDigits[(id >> shift) & 15];
  return text;
}

Status check_one(uint32_t id, const wire::PropertyValue& value, bool is_new) {
  const auto rule = std::ranges::find(kRules, id, &Rule::id);
  const auto bad = [&](const std::string& why) {
    const std::string name = rule == kRules.end() ? hex_id(id) : std::string(rule->name) + " (" + hex_id(id) + ")";
    return Status(Code::kInvalidArgument, "container property " + name + " " + why);
  };
  if (id == 0x100a) {
    return bad(
        "(access control list) can't be kept: this system has no accounts, and the directory's own "
        "permissions decide who may use it");
  }
  if (rule == kRules.end()) return bad("is unknown");
  if (!is_new && !rule->may_change) return bad("can't be changed after the container was created");
  const std::string limits = rule->limits.empty() ? "" : ": " + std::string(rule->limits);
  if (rule->is_text) {
    const auto* const text = std::get_if<std::string>(&value);
    if (text == nullptr) return bad("is a text, not a number");
    if (text->size() < rule->low || text->size() > rule->high) {
      return bad("can't have " + std::to_string(text->size()) + " bytes" + limits);
    }
    if (id != 0x1011 && text->find('\0') != std::string::npos) return bad("can't contain NUL");
    if (id == kPropLabel && !text->empty()) return pool::check_label(*text, "container label");
    return ok();
  }
  const auto* const number = std::get_if<uint64_t>(&value);
  if (number == nullptr) return bad("is a number, not a text");
  if (*number < rule->low || *number > rule->high || (id == 0x1004 && *number == 1)) {
    return bad("can't be " + std::to_string(*number) + limits);
  }
  return ok();
}

}  // namespace

wire::Properties default_properties() {
  wire::Properties properties;
  for (const Rule& rule : kRules) {
    if (rule.by_default.has_value()) properties[rule.id] = *rule.by_default;
  }
  return properties;
}

Status check_new(const wire::Properties& properties) {
  for (const auto& [id, value] : properties) TRY(check_one(id, value, true));
  return ok();
}

Status check_changed(const wire::Properties& properties) {
  for (const auto& [id, value] : properties) TRY(check_one(id, value, false));
  return ok();
}

uint64_t number_of(const wire::Properties& properties, uint32_t id) {
  const auto found = properties.find(id);
  const auto* const number = found == properties.end() ? nullptr : std::get_if<uint64_t>(&found->second);
  return number != nullptr ? *number : 0;
}

std::string text_of(const wire::Properties& properties, uint32_t id) {
  const auto found = properties.find(id);
  const auto* const text = found == properties.end() ? nullptr : std::get_if<std::string>(&found->second);
  return text != nullptr ? *text : std::string();
}

}  // namespace aeon::container
