#include "sim/crash_images.h"

#include <algorithm>

#include "base/crc32c.h"

namespace aeon {

namespace {

constexpr size_t kExhaustiveMax = 3;
constexpr size_t kSinglesMax = 6;
constexpr size_t kSamples = 10;
constexpr uint64_t kSectorsPerBlock = kDiskBlockSize / kDiskSectorSize;
constexpr uint8_t kAllSectors = 0xff;

uint64_t mix(uint64_t value) {
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
  value = (value ^ value >> 27) * 0x94d049bb133111ebu;
  return value ^ value >> 31;
}

uint64_t hash_of(uint64_t block, const std::byte* content) {
  return mix(block * 0x9e3779b97f4a7c15u + crc32c({content, kDiskBlockSize}) + 1);
}

}  // namespace

std::string_view name_of(CrashImageKind kind) {
  switch (kind) {
    case CrashImageKind::kAllLost: return "all_lost";
    case CrashImageKind::kAllKept: return "all_kept";
    case CrashImageKind::kSubset: return "subset";
    case CrashImageKind::kTorn: return "torn";
    case CrashImageKind::kSample: return "sample";
  }
  return "?";
}

void CrashImages::for_each(const std::function<void(const CrashPoint&)>& visit) {
  visit_ = &visit;
  moment_ = recording_.first();
  for (const CrashRecording::Event& event : recording_.events()) {
    promises_ = event.promises;
    visit_moment();
    apply(event);
    ++moment_;
  }
  promises_ = recording_.promises();
  visit_moment();
  visit_ = nullptr;
}

void CrashImages::apply(const CrashRecording::Event& event) {
  pending_.insert(pending_.end(), event.submitted.begin(), event.submitted.end());
  for (const uint32_t id : event.durable) {
    const auto write = std::ranges::find(pending_, id, &PendingWrite::id);
    for (uint64_t i = 0; i < write->blocks.size(); ++i) {
      if (write->blocks[i] == nullptr) continue;
      const uint64_t block = write->first_block + i;
      media_hash_ ^= hash_of(block, media_.block(block)) ^ hash_of(block, write->blocks[i]);
    }
    make_durable(media_, pending_, {id});
  }
}

void CrashImages::visit_moment() {
  const size_t count = pending_.size();
  visit_image(CrashImageKind::kAllLost, std::vector<Fate>(count));
  if (count == 0) return;
  const std::vector<Fate> all(count, Fate{Fate::Kind::kKept});
  visit_image(CrashImageKind::kAllKept, all);
  if (count <= kExhaustiveMax)
    visit_all_subsets();
  else
    visit_sample();
}

void CrashImages::visit_all_subsets() {
  const size_t count = pending_.size();
  std::vector<Fate> fates(count);
  for (uint64_t subset = 1; subset + 1 < uint64_t{1} << count; ++subset) {
    for (size_t i = 0; i < count; ++i) fates[i].kind = (subset >> i & 1) != 0 ? Fate::Kind::kKept : Fate::Kind::kLost;
    visit_image(CrashImageKind::kSubset, fates);
  }
  for (size_t i = 0; i < count; ++i) {
    const auto others = count > 1 && random_.one_in(2) ? Fate::Kind::kKept : Fate::Kind::kLost;
    visit_torn(i, std::vector<Fate>(count, Fate{others}));
  }
}

void CrashImages::visit_torn(size_t which, const std::vector<Fate>& others) {
  const uint64_t sectors = pending_[which].blocks.size() * kSectorsPerBlock;
  std::vector<Fate> fates = others;
  const Fate cuts[] = {{Fate::Kind::kHead, random_.one_in(2) ? 1 : random_.between(1, sectors - 1)},
                       {Fate::Kind::kTail, random_.one_in(2) ? 1 : random_.between(1, sectors - 1)},
                       {Fate::Kind::kScattered, random_.next()}};
  for (const Fate& cut : cuts) {
    fates[which] = cut;
    visit_image(CrashImageKind::kTorn, fates);
  }
}

CrashImages::Fate CrashImages::random_tear(const PendingWrite& write) {
  const uint64_t sectors = write.blocks.size() * kSectorsPerBlock;
  switch (random_.below(3)) {
    case 0: return {Fate::Kind::kHead, random_.between(1, sectors - 1)};
    case 1: return {Fate::Kind::kTail, random_.between(1, sectors - 1)};
    default: return {Fate::Kind::kScattered, random_.next()};
  }
}

void CrashImages::visit_sample() {
  const size_t count = pending_.size();
  for (size_t i = 0; i < std::min(count, kSinglesMax); ++i) {
    const size_t which = count - 1 - (i < kSinglesMax / 2 ? i : random_.below(count));  // Half of them the newest.
    std::vector<Fate> fates(count);
    fates[which].kind = Fate::Kind::kKept;
    visit_image(CrashImageKind::kSample, fates);
    fates.assign(count, Fate{Fate::Kind::kKept});
    fates[which].kind = Fate::Kind::kLost;
    visit_image(CrashImageKind::kSample, fates);
    fates[which] = random_tear(pending_[which]);
    visit_image(CrashImageKind::kTorn, fates);
  }
  for (size_t i = 0; i < kSamples; ++i) {
    std::vector<Fate> fates(count);
    const uint64_t kept_of_8 = 1 + random_.below(7);
    for (size_t which = 0; which < count; ++which) {
      if (random_.below(8) >= kept_of_8) continue;
      fates[which] = random_.one_in(6) ? random_tear(pending_[which]) : Fate{Fate::Kind::kKept};
    }
    visit_image(CrashImageKind::kSample, fates);
  }
}

void CrashImages::put(BlockTable& image, uint64_t& hash, const PendingWrite& write, Fate fate) {
  Random scattered(fate.kind == Fate::Kind::kScattered ? fate.detail : 1);
  const uint64_t sector_count = write.blocks.size() * kSectorsPerBlock;
  for (uint64_t i = 0; i < write.blocks.size(); ++i) {
    uint8_t sectors = kAllSectors;
    if (fate.kind == Fate::Kind::kScattered) {
      sectors = static_cast<uint8_t>(scattered.next());
    } else if (fate.kind != Fate::Kind::kKept) {
      sectors = 0;
      for (uint64_t sector = 0; sector < kSectorsPerBlock; ++sector) {
        const uint64_t at = i * kSectorsPerBlock + sector;
        const bool is_in = fate.kind == Fate::Kind::kHead ? at < fate.detail : at >= sector_count - fate.detail;
        if (is_in) sectors = static_cast<uint8_t>(sectors | 1u << sector);
      }
    }
    if (write.blocks[i] == nullptr || sectors == 0) continue;
    const uint64_t block = write.first_block + i;
    const std::byte* content = write.blocks[i];
    if (sectors != kAllSectors) {
      std::byte* const mixed = scratch_.make();
      for (uint64_t sector = 0; sector < kSectorsPerBlock; ++sector) {
        const std::byte* const from = (sectors >> sector & 1) != 0 ? content : image.block(block);
        std::memcpy(mixed + sector * kDiskSectorSize, from + sector * kDiskSectorSize, kDiskSectorSize);
      }
      content = mixed;
    }
    hash ^= hash_of(block, image.block(block)) ^ hash_of(block, content);
    image.set(block, content);
  }
}

void CrashImages::visit_image(CrashImageKind kind, const std::vector<Fate>& fates) {
  scratch_.clear();
  BlockTable image = media_;
  uint64_t hash = media_hash_;
  for (size_t i = 0; i < pending_.size(); ++i) {
    if (fates[i].kind != Fate::Kind::kLost) put(image, hash, pending_[i], fates[i]);
  }
  if (!seen_.insert(mix(hash) ^ mix(promises_ + 1)).second) return;
  (*visit_)({moment_, next_number_++, kind, pending_.size(), image});
}

}  // namespace aeon
