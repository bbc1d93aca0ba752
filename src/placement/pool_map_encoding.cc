#include "placement/pool_map.h"

namespace aeon::placement {
namespace {

constexpr uint32_t kPoolMapMagic = 0x4d504541;  // "AEPM"
constexpr uint16_t kPoolMapFormat = 1;
constexpr size_t kDomainBytesMin = 10;
constexpr size_t kTargetBytes = 22;

template <typename T>
void put_number(Bytes& out, T value) {
  out.resize(out.size() + sizeof value);
  store_le(out.data() + out.size() - sizeof value, value);
}

// Reads what may be anything. After the first fault it reads zeros.
class MapReader {
 public:
  explicit MapReader(ByteView in) : in_(in) {}

  template <typename T>
  T number() {
    const ByteView bytes = take(sizeof(T));
    return bytes.empty() ? T{} : load_le<T>(bytes.data());
  }
  std::string text(size_t size) { return std::string(as_text(take(size))); }
  size_t left() const { return in_.size(); }
  bool is_ok() const { return is_ok_; }

 private:
  ByteView take(size_t size) {
    if (size > in_.size()) {
      is_ok_ = false;
      in_ = {};
    }
    const ByteView taken = in_.first(is_ok_ ? size : 0);
    in_ = in_.subspan(taken.size());
    return taken;
  }

  ByteView in_;
  bool is_ok_ = true;
};

Domain read_domain(MapReader& reader) {
  Domain domain;
  domain.parent = reader.number<uint32_t>();
  domain.kind = static_cast<Domain::Kind>(reader.number<uint8_t>());  // validate() looks whether there is such a kind.
  domain.rank = reader.number<uint32_t>();
  domain.name = reader.text(reader.number<uint8_t>());
  return domain;
}

Target read_target(MapReader& reader, bool& is_canonical) {
  Target target;
  target.domain = reader.number<uint32_t>();
  target.index = reader.number<uint32_t>();
  target.state = static_cast<TargetState>(reader.number<uint8_t>());
  const auto returned_early = reader.number<uint8_t>();
  if (returned_early > 1) is_canonical = false;
  target.returned_early = returned_early == 1;
  target.joined_in = reader.number<MapVersion>();
  target.out_since = reader.number<MapVersion>();
  target.changed_in = reader.number<MapVersion>();
  return target;
}

}  // namespace

Bytes encode_pool_map(const PoolMap& map) {
  Bytes out;
  put_number(out, kPoolMapMagic);
  put_number(out, kPoolMapFormat);
  put_number(out, uint16_t{0});
  put_number(out, map.version);
  put_number(out, static_cast<uint32_t>(map.domains.size()));
  put_number(out, static_cast<uint32_t>(map.targets.size()));
  for (const Domain& domain : map.domains) {
    CHECK(domain.name.size() <= kDomainNameMax);
    put_number(out, domain.parent);
    put_number(out, static_cast<uint8_t>(domain.kind));
    put_number(out, domain.rank);
    put_number(out, static_cast<uint8_t>(domain.name.size()));
    const ByteView name = as_bytes(domain.name);
    out.insert(out.end(), name.begin(), name.end());
  }
  for (const Target& target : map.targets) {
    put_number(out, target.domain);
    put_number(out, target.index);
    put_number(out, static_cast<uint8_t>(target.state));
    put_number(out, static_cast<uint8_t>(target.returned_early));
    put_number(out, target.joined_in);
    put_number(out, target.out_since);
    put_number(out, target.changed_in);
  }
  return out;
}

Result<PoolMap> decode_pool_map(ByteView bytes) {
  MapReader reader(bytes);
  if (reader.number<uint32_t>() != kPoolMapMagic) return Status(Code::kCorrupt, "these bytes are no pool map");
  const auto format = reader.number<uint16_t>();
  if (format > kPoolMapFormat) {
    return Status(Code::kVersionUnsupported, "the pool map has format " + std::to_string(format) +
                                                 ", and this program reads up to " + std::to_string(kPoolMapFormat));
  }
  if (format != kPoolMapFormat || reader.number<uint16_t>() != 0) {
    return Status(Code::kCorrupt, "the pool map's header is damaged");
  }
  PoolMap map;
  map.version = reader.number<MapVersion>();
  const auto domain_count = reader.number<uint32_t>();
  const auto target_count = reader.number<uint32_t>();
  // Counts that can't follow are refused before anything is allocated for them.
  if (uint64_t{domain_count} * kDomainBytesMin + uint64_t{target_count} * kTargetBytes > reader.left()) {
    return Status(Code::kCorrupt, "the pool map ends too soon");
  }
  bool is_canonical = true;
  map.domains.reserve(domain_count);
  for (uint32_t i = 0; i < domain_count && reader.is_ok(); ++i) map.domains.push_back(read_domain(reader));
  map.targets.reserve(target_count);
  for (uint32_t i = 0; i < target_count && reader.is_ok(); ++i)
    map.targets.push_back(read_target(reader, is_canonical));
  if (!reader.is_ok()) return Status(Code::kCorrupt, "the pool map ends too soon");
  if (reader.left() != 0) return Status(Code::kCorrupt, "the pool map has bytes behind its end");
  if (!is_canonical) return Status(Code::kCorrupt, "the pool map has a truth value that is neither");
  TRY(validate(map));
  return map;
}

}  // namespace aeon::placement
