#include "target/sent_data.h"

#include "rpc/bulk.h"

namespace aeon::target {
namespace {

// How much data belongs to an update; numbers that can't be are kInvalidArgument.
Result<ByteCount> data_size(const AkeyUpdate& update) {
  const auto impossible = [] {
    return Status(Code::kInvalidArgument, "an update's record size and counts are impossible");
  };
  if (update.kind == ValueKind::kSingle) return update.record_size;
  uint64_t records = 0;
  for (const Recx& recx : update.recxs) {
    if (__builtin_add_overflow(records, recx.count, &records)) return impossible();
  }
  ByteCount size = 0;
  if (__builtin_mul_overflow(records, update.record_size, &size)) return impossible();
  return size;
}

}  // namespace

Status attach_data(std::vector<ObjectWrite>& writes, std::span<const ByteView> sent) {
  ByteCount left = rpc::total_size(sent);
  rpc::PieceReader<ByteView> reader(sent);
  for (ObjectWrite& write : writes) {
    for (AkeyUpdate& update : write.akeys) {
      TRY_ASSIGN(const ByteCount size, data_size(update));
      if (size > left) return Status(Code::kInvalidArgument, "less data came than the updates have");
      update.data = reader.take(size);
      left -= size;
    }
  }
  if (left != 0) return Status(Code::kInvalidArgument, "more data came than the updates have");
  return ok();
}

}  // namespace aeon::target
