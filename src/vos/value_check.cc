#include "value_check.h"

#include <algorithm>

#include "base/crc32c.h"
#include "base/data_model.h"
#include "runtime/disk.h"

namespace aeon::vos {

namespace {

constexpr size_t kWindow = 1 * kMiB;
static_assert(kWindow % kChecksumChunk == 0 && kWindow % kCoarseChecksumChunk == 0 && kWindow % media::kBlockSize == 0);

// Adds up what is wrong with a value: how much, and where first.
class Findings {
 public:
  void add(uint64_t begin, uint64_t end, const Status& status) {
    if (first_.is_ok()) {
      first_ = status.within("bytes [" + std::to_string(begin) + ", " + std::to_string(end) + ")");
    }
    ++count_;
  }
  Status status() const {
    if (count_ <= 1) return first_;
    return Status(first_.code(),
                  std::string(first_.message()) + "; and " + std::to_string(count_ - 1) + " further pieces of it");
  }

 private:
  Status first_;
  uint64_t count_ = 0;
};

// Each checksum chunk of `data`, which is the value's bytes from `begin` on.
void check_chunks(const ValuePlace& place, uint64_t begin, ByteView data, Findings& findings) {
  for (uint64_t at = 0; at < data.size(); at += place.chunk) {
    const uint64_t size = std::min<uint64_t>(place.chunk, data.size() - at);
    const uint64_t chunk = (begin + at) / place.chunk;
    if (chunk < place.checksums.size() && crc32c(data.subspan(at, size)) == place.checksums[chunk]) continue;
    findings.add(begin + at, begin + at + size, Status(Code::kCorrupt, "they aren't what was written (checksum)"));
  }
}

// The blocks of [begin, begin + out.size()), range by range. A range that can't be read leaves zeros.
Task<Status> read_window(BlockSource* source, const ValuePlace* place, uint64_t begin, MutableBytes out) {
  uint64_t skip = begin / media::kBlockSize;
  Status first;
  for (const media::BlockRange& range : place->blocks) {
    if (out.empty()) break;
    if (skip >= range.count) {
      skip -= range.count;
      continue;
    }
    const uint64_t count = std::min<uint64_t>(range.count - skip, out.size() / media::kBlockSize);
    const media::BlockRange part{.first = range.first + skip, .count = count};
    const Status read = co_await source->read_blocks(part, out.first(count * media::kBlockSize));
    if (!read.is_ok() && first.is_ok()) first = read;
    out = out.subspan(count * media::kBlockSize);
    skip = 0;
  }
  co_return first;
}

}  // namespace

Task<Status> check_value(BlockSource* source, const ValuePlace* place, Bytes* content) {
  Findings findings;
  if (place->blocks.empty()) {
    check_chunks(*place, 0, place->inline_bytes, findings);
    if (content != nullptr) *content = to_bytes(place->inline_bytes);
    co_return findings.status();
  }
  if (content != nullptr) content->reserve(place->size);
  for (uint64_t begin = 0; begin < place->size; begin += kWindow) {
    const uint64_t size = std::min<uint64_t>(kWindow, place->size - begin);
    DiskBuffer buffer(size);
    const Status read = co_await read_window(source, place, begin, buffer.bytes());
    const ByteView bytes = buffer.bytes().first(size);
    if (read.is_ok()) {
      check_chunks(*place, begin, bytes, findings);
    } else {
      findings.add(begin, begin + size, read);
    }
    if (content != nullptr) content->insert(content->end(), bytes.begin(), bytes.end());
  }
  co_return findings.status();
}

}  // namespace aeon::vos
