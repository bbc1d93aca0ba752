// Reading properties that are written as text.

#include <daos_errno.h>
#include <daos_prop.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace {

using std::string_view_literals::operator""sv;

struct NamedValue {
  std::string_view name;
  uint64_t value;
};

constexpr NamedValue kChecksums[] = {{"off", DAOS_PROP_CO_CSUM_OFF},       {"crc16", DAOS_PROP_CO_CSUM_CRC16},
                                     {"crc32", DAOS_PROP_CO_CSUM_CRC32},   {"crc64", DAOS_PROP_CO_CSUM_CRC64},
                                     {"sha1", DAOS_PROP_CO_CSUM_SHA1},     {"sha256", DAOS_PROP_CO_CSUM_SHA256},
                                     {"sha512", DAOS_PROP_CO_CSUM_SHA512}, {"adler32", DAOS_PROP_CO_CSUM_ADLER32}};
constexpr NamedValue kServerVerify[] = {{"off", DAOS_PROP_CO_CSUM_SV_OFF}, {"on", DAOS_PROP_CO_CSUM_SV_ON}};
constexpr NamedValue kDedup[] = {
    {"off", DAOS_PROP_CO_DEDUP_OFF}, {"memcmp", DAOS_PROP_CO_DEDUP_MEMCMP}, {"hash", DAOS_PROP_CO_DEDUP_HASH}};
constexpr NamedValue kCompression[] = {
    {"off", DAOS_PROP_CO_COMPRESS_OFF},           {"lz4", DAOS_PROP_CO_COMPRESS_LZ4},
    {"deflate", DAOS_PROP_CO_COMPRESS_DEFLATE},   {"deflate1", DAOS_PROP_CO_COMPRESS_DEFLATE1},
    {"deflate2", DAOS_PROP_CO_COMPRESS_DEFLATE2}, {"deflate3", DAOS_PROP_CO_COMPRESS_DEFLATE3},
    {"deflate4", DAOS_PROP_CO_COMPRESS_DEFLATE4}};
constexpr NamedValue kEncryption[] = {
    {"off", DAOS_PROP_CO_ENCRYPT_OFF},
    {"aes-xts128", DAOS_PROP_CO_ENCRYPT_AES_XTS128},
    {"aes-xts256", DAOS_PROP_CO_ENCRYPT_AES_XTS256},
    {"aes-cbc128", DAOS_PROP_CO_ENCRYPT_AES_CBC128},
    {"aes-cbc192", DAOS_PROP_CO_ENCRYPT_AES_CBC192},
    {"aes-cbc256", DAOS_PROP_CO_ENCRYPT_AES_CBC256},
    {"aes-gcm128", DAOS_PROP_CO_ENCRYPT_AES_GCM128},
    {"aes-gcm256", DAOS_PROP_CO_ENCRYPT_AES_GCM256},
};
constexpr NamedValue kPerformanceDomains[] = {
    {"255", DAOS_PROP_PERF_DOMAIN_ROOT},
    {"200", DAOS_PROP_PERF_DOMAIN_GROUP},
};

// A property that may be set: by one of `values`, or if there are none by a number up to `number_max`.
struct Settable {
  std::string_view name;
  uint32_t type;
  std::span<const NamedValue> values;
  uint64_t number_max;
};

constexpr Settable kSettable[] = {
    {"cksum", DAOS_PROP_CO_CSUM, kChecksums, 0},
    {"cksum_size", DAOS_PROP_CO_CSUM_CHUNK_SIZE, {}, UINT32_MAX},
    {"srv_cksum", DAOS_PROP_CO_CSUM_SERVER_VERIFY, kServerVerify, 0},
    {"dedup", DAOS_PROP_CO_DEDUP, kDedup, 0},
    {"dedup_threshold", DAOS_PROP_CO_DEDUP_THRESHOLD, {}, UINT32_MAX},
    {"compression", DAOS_PROP_CO_COMPRESS, kCompression, 0},
    {"encryption", DAOS_PROP_CO_ENCRYPT, kEncryption, 0},
    {"rd_fac", DAOS_PROP_CO_REDUN_FAC, {}, DAOS_RF_MAX},
    {"rf", DAOS_PROP_CO_REDUN_FAC, {}, DAOS_RF_MAX},
    {"ec_cell_sz", DAOS_PROP_CO_EC_CELL_SZ, {}, DAOS_PROP_PO_EC_CELL_SZ_MAX},
    {"ec_pda", DAOS_PROP_CO_EC_PDA, {}, DAOS_PROP_PDA_MAX},
    {"rp_pda", DAOS_PROP_CO_RP_PDA, {}, DAOS_PROP_PDA_MAX},
    {"perf_domain", DAOS_PROP_CO_PERF_DOMAIN, kPerformanceDomains, 0},
};

std::optional<uint64_t> parse_number(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  }
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), number, base);
  if (error != std::errc{} || end != text.end()) return std::nullopt;
  return number;
}

std::optional<uint64_t> parse_value(const Settable& property, std::string_view text) {
  for (const NamedValue& value : property.values) {
    if (value.name == text) return value.value;
  }
  if (!property.values.empty()) return std::nullopt;
  const auto number = parse_number(text);
  return number && *number <= property.number_max ? number : std::nullopt;
}

int parse_label(std::string_view text, daos_prop_entry& entry) {
  char label[DAOS_PROP_MAX_LABEL_BUF_LEN];
  if (text.size() >= sizeof(label)) return -DER_INVAL;
  label[text.copy(label, text.size())] = '\0';
  if (!daos_label_is_valid(label)) return -DER_INVAL;
  entry.dpe_type = DAOS_PROP_CO_LABEL;
  return daos_prop_entry_set_str(&entry, label, text.size());
}

int parse_entry(std::string_view text, daos_prop_entry& entry) {
  const size_t colon = text.find(':');
  if (colon == text.npos) return -DER_INVAL;
  const std::string_view name = text.substr(0, colon);
  const std::string_view value_text = text.substr(colon + 1);
  if (name == "label"sv) return parse_label(value_text, entry);
  for (const Settable& property : kSettable) {
    if (property.name != name) continue;
    const auto value = parse_value(property, value_text);
    if (!value) return -DER_INVAL;
    entry.dpe_type = property.type;
    entry.dpe_val = *value;
    return 0;
  }
  return -DER_INVAL;
}

// The text up to the next ';', which is taken off `rest`; several in a row count as one.
std::string_view next_entry(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(';'), rest.size()));
  const std::string_view entry = rest.substr(0, rest.find(';'));
  rest.remove_prefix(entry.size());
  return entry;
}

}  // namespace

int daos_prop_from_str(const char* str, daos_size_t len, daos_prop_t** prop) {
  if (str == nullptr || prop == nullptr) return -DER_INVAL;
  const std::string_view text(str, strnlen(str, len));
  uint32_t entry_count = 0;
  for (std::string_view rest = text; !next_entry(rest).empty();) ++entry_count;
  if (entry_count == 0 || entry_count > DAOS_PROP_CO_NUM) return -DER_INVAL;

  daos_prop_t* parsed = daos_prop_alloc(entry_count);
  if (parsed == nullptr) return -DER_NOMEM;
  std::string_view rest = text;
  for (uint32_t i = 0; i < entry_count; ++i) {
    daos_prop_entry entry = {};
    int rc = parse_entry(next_entry(rest), entry);
    if (rc == 0 && daos_prop_entry_get(parsed, entry.dpe_type) != nullptr) rc = -DER_INVAL;  // named twice
    if (rc != 0) {
      if (daos_prop_has_str(&entry)) std::free(entry.dpe_str);
      daos_prop_free(parsed);
      return rc;
    }
    parsed->dpp_entries[i] = entry;
  }
  *prop = parsed;
  return 0;
}
