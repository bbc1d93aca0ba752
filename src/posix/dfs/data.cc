// Contents of files: byte arrays in chunks, a dkey each, laid out as client::Array has them.
#include <algorithm>

#include "core.h"

namespace aeon::dfs {

namespace {

// How many changes one write may hold.
constexpr size_t kPunchesMax = 1'000'000;

// A run of bytes in any number of pieces.
template <typename Piece>
class Scattered {
 public:
  explicit Scattered(const std::vector<Piece>& pieces) : pieces_(pieces) {}

  // Calls `visit` with the pieces of the next `size` bytes.
  template <typename Visit>
  void next(uint64_t size, Visit visit) {
    while (size != 0 && index_ < pieces_.size()) {
      const Piece& piece = pieces_[index_];
      const size_t count = std::min<uint64_t>(piece.size() - within_, size);
      if (count != 0) visit(piece.subspan(within_, count));
      within_ += count;
      size -= count;
      if (within_ == piece.size()) {
        ++index_;
        within_ = 0;
      }
    }
  }

 private:
  const std::vector<Piece>& pieces_;
  size_t index_ = 0;
  size_t within_ = 0;
};

template <typename Piece>
uint64_t total_size(const std::vector<Piece>& pieces) {
  uint64_t size = 0;
  for (const Piece& piece : pieces) size += piece.size();
  return size;
}

void fill_with_zeros(const std::vector<MutableBytes>& out, uint64_t begin, uint64_t end) {
  Scattered<MutableBytes> scattered(out);
  scattered.next(begin, [](MutableBytes) {});
  scattered.next(end - begin, [](MutableBytes piece) { std::fill(piece.begin(), piece.end(), std::byte{0}); });
}

Status check_extent(uint64_t offset, uint64_t size) {
  if (offset > kFileSizeMax || size > kFileSizeMax - offset) {
    return Status(Code::kTooBig, "a file has at most " + std::to_string(kFileSizeMax) + " bytes");
  }
  return ok();
}

}  // namespace

Status FileSystemCore::check_data_node(const NodePointer& file, bool for_writing) const {
  if (file == nullptr || file->is_directory()) {
    return Status(Code::kIsDirectory, printable(file == nullptr ? "/" : file->path_) + " is a directory");
  }
  if (file->type() != NodeType::kFile) {
    return Status(Code::kInvalidArgument, printable(file->path_) + " isn't a regular file");
  }
  if (for_writing) {
    TRY(check_writable());
    if (file->open_mode() != OpenMode::kReadWrite) {
      return Status(Code::kReadOnly, printable(file->path_) + " is open for reading only");
    }
  }
  return ok();
}

Task<Result<uint64_t>> FileSystemCore::size_of_object(ObjectId object, ByteCount chunk_size) {
  Bytes no_dkey;
  Bytes akey = to_bytes(kDataAkey);
  const Result<QueriedKey> last = co_await container_->query_key(object, kGetMax | kGetDkey | kGetRecx,
                                                                 std::move(no_dkey), std::move(akey), epoch_);
  if (last.code() == Code::kNotFound) co_return uint64_t{0};
  CO_TRY(last.status());
  if (last->dkey.size() != sizeof(uint64_t)) co_return Status(Code::kCorrupt, "a file's data has a strange key");
  const uint64_t chunk = load_le<uint64_t>(last->dkey.data());
  const bool is_sound = chunk != 0 && chunk - 1 <= kFileSizeMax / chunk_size && last->recx.count <= chunk_size &&
                        last->recx.index <= chunk_size - last->recx.count;
  if (!is_sound) co_return Status(Code::kCorrupt, "a file's data lies outside of its chunks");
  co_return (chunk - 1) * chunk_size + last->recx.end();
}

Task<Result<uint64_t>> FileSystemCore::size(NodePointer file) {
  CO_TRY(check_data_node(file, false));
  Result<uint64_t> size = co_await size_of_object(file->object(), file->chunk_size());
  if (!size.is_ok()) co_return size.status().within(printable(file->path_));
  co_return size;
}

// Reads one extent, zeros where holes are; returns how far data reaches in it, relative to its start.
Task<Result<ByteCount>> FileSystemCore::read_chunks(NodePointer file, FileExtent extent,
                                                    std::vector<MutableBytes> out) {
  const ByteCount chunk_size = file->chunk_size();
  Scattered<MutableBytes> scattered(out);
  uint64_t done = 0;
  uint64_t filled = 0;  // Data or zeros so far.
  while (done < extent.size) {
    const uint64_t offset = extent.offset + done;
    const uint64_t within = offset % chunk_size;
    const uint64_t count = std::min(extent.size - done, chunk_size - within);
    std::vector<AkeyFetch> akeys(1);
    akeys[0].akey = to_bytes(kDataAkey);
    akeys[0].kind = ValueKind::kArray;
    akeys[0].recxs.push_back({.index = within, .count = count});
    scattered.next(count, [&akeys](MutableBytes piece) { akeys[0].out.push_back(piece); });
    Bytes dkey = chunk_dkey(offset / chunk_size);
    CO_TRY_ASSIGN(const std::vector<FetchedAkey> found,
                  co_await container_->fetch(file->object(), std::move(dkey), std::move(akeys), 0, epoch_));
    if (found.size() != 1 || found[0].record_size > 1) co_return Status(Code::kCorrupt, "a file's data isn't bytes");
    for (const FetchedSegment& segment : found[0].segments) {
      const bool is_inside = segment.recx.index >= within && segment.recx.end() <= within + count;
      if (!is_inside) co_return Status(Code::kCorrupt, "a fetch answered more than was asked");
      const uint64_t begin = done + segment.recx.index - within;
      const uint64_t end = done + segment.recx.end() - within;
      if (begin > filled) fill_with_zeros(out, filled, begin);
      filled = std::max(filled, end);
    }
    done += count;
  }
  if (filled < extent.size) fill_with_zeros(out, filled, extent.size);
  co_return filled;
}

Task<Result<ByteCount>> FileSystemCore::read(NodePointer file, uint64_t offset, std::vector<MutableBytes> out) {
  std::vector<FileExtent> extents(1);
  extents[0].offset = offset;
  extents[0].size = total_size(out);
  co_return co_await read_extents(std::move(file), std::move(extents), std::move(out));
}

Task<Result<ByteCount>> FileSystemCore::read_extents(NodePointer file, std::vector<FileExtent> extents,
                                                     std::vector<MutableBytes> out) {
  CO_TRY(check_data_node(file, false));
  uint64_t wanted = 0;
  for (const FileExtent& extent : extents) {
    CO_TRY(check_extent(extent.offset, extent.size));
    wanted += extent.size;
  }
  if (wanted != total_size(out)) {
    co_return Status(Code::kInvalidArgument, "the memory to read into doesn't have the size of the extents");
  }
  Scattered<MutableBytes> scattered(out);
  std::optional<uint64_t> file_size;
  ByteCount bytes = 0;
  for (const FileExtent& extent : extents) {
    if (extent.size == 0) continue;
    std::vector<MutableBytes> pieces;
    scattered.next(extent.size, [&pieces](MutableBytes piece) { pieces.push_back(piece); });
    Result<ByteCount> reached = co_await read_chunks(file, extent, std::move(pieces));
    if (!reached.is_ok()) co_return reached.status().within(printable(file->path_));
    if (*reached < extent.size && !file_size.has_value()) {
      // A hole at the end, or the file's end: only its size tells.
      CO_TRY_ASSIGN(file_size, co_await size(file));
    }
    const uint64_t before_end = file_size.has_value() && *file_size > extent.offset ? *file_size - extent.offset : 0;
    bytes += std::min(extent.size, std::max(*reached, before_end));
  }
  co_return bytes;
}

Task<Status> FileSystemCore::write(NodePointer file, uint64_t offset, std::vector<ByteView> data) {
  std::vector<FileExtent> extents(1);
  extents[0].offset = offset;
  extents[0].size = total_size(data);
  co_return co_await write_extents(std::move(file), std::move(extents), std::move(data));
}

Task<Status> FileSystemCore::write_extents(NodePointer file, std::vector<FileExtent> extents,
                                           std::vector<ByteView> data) {
  CO_TRY(check_data_node(file, true));
  uint64_t wanted = 0;
  for (const FileExtent& extent : extents) {
    CO_TRY(check_extent(extent.offset, extent.size));
    wanted += extent.size;
  }
  if (wanted != total_size(data)) {
    co_return Status(Code::kInvalidArgument, "the data doesn't have the size of the extents");
  }
  if (wanted == 0) co_return ok();
  std::vector<Lock> locks;
  locks.push_back(object_lock(file->object(), false));
  const LockTable::Held held = co_await locks_.acquire(std::move(locks));
  WriteSet set;
  Scattered<ByteView> scattered(data);
  for (const FileExtent& extent : extents) {
    uint64_t offset = extent.offset;
    scattered.next(extent.size, [&](ByteView piece) {
      set.write_data(file->object(), file->chunk_size(), offset, piece);
      offset += piece.size();
    });
  }
  set.update(file->object(), ByteView(marker_dkey()), kMarkerAkey, Bytes(1));
  const Result<Epoch> written = co_await commit(set);
  co_return written.status().within(printable(file->path_));
}

// A size is kept by its last byte: it is there, or written as zero.
Task<Status> FileSystemCore::append_truncate(WriteSet& set, ObjectId object, ByteCount chunk_size, uint64_t size) {
  CO_TRY(check_extent(size, 0));
  const Bytes marker = marker_dkey();
  if (size == 0) {
    set.punch_object(object);
    set.update(object, ByteView(marker), kMarkerAkey, Bytes(1));
    co_return ok();
  }
  const uint64_t last_chunk = (size - 1) / chunk_size;
  const uint64_t last_index = (size - 1) % chunk_size;
  CO_TRY_ASSIGN(const uint64_t old_size, co_await size_of_object(object, chunk_size));
  if (old_size > size) {
    if (last_index + 1 < chunk_size) {
      set.punch_data(object, chunk_size, size, std::min(old_size - size, chunk_size - last_index - 1));
    }
    if ((old_size - 1) / chunk_size > last_chunk) {
      Anchor from;
      while (!from.is_end) {
        const client::ListLimits limits;
        CO_TRY_ASSIGN(client::KeyPage page, co_await container_->list_dkeys(object, std::move(from), limits, epoch_));
        for (const Bytes& dkey : page.keys) {
          const bool is_behind = dkey.size() == sizeof(uint64_t) && load_le<uint64_t>(dkey.data()) > last_chunk + 1;
          if (is_behind) set.punch_dkey(object, dkey);
        }
        from = std::move(page.next);
      }
      if (set.size() > kPunchesMax) {
        co_return Status(Code::kTooBig, "cutting the file would take too many changes at once; cut it in steps");
      }
    }
  }
  if (old_size != size) {
    std::array<std::byte, 1> memory;
    std::vector<AkeyFetch> akeys(1);
    akeys[0].akey = to_bytes(kDataAkey);
    akeys[0].kind = ValueKind::kArray;
    akeys[0].recxs.push_back({.index = last_index, .count = 1});
    akeys[0].out.emplace_back(memory);
    Bytes dkey = chunk_dkey(last_chunk);
    CO_TRY_ASSIGN(const std::vector<FetchedAkey> found,
                  co_await container_->fetch(object, std::move(dkey), std::move(akeys), 0, epoch_));
    const bool is_there = !found.empty() && !found[0].segments.empty();
    if (!is_there) set.write_data(object, chunk_size, size - 1, ByteView(kZeroByte));
  }
  set.update(object, ByteView(marker), kMarkerAkey, Bytes(1));
  co_return ok();
}

Task<Status> FileSystemCore::truncate(NodePointer file, uint64_t size) {
  CO_TRY(check_data_node(file, true));
  std::vector<Lock> locks;
  locks.push_back(object_lock(file->object(), true));
  const LockTable::Held held = co_await locks_.acquire(std::move(locks));
  WriteSet set;
  const Status cut = co_await append_truncate(set, file->object(), file->chunk_size(), size);
  if (!cut.is_ok()) co_return cut.within(printable(file->path_));
  const Result<Epoch> written = co_await commit(set);
  co_return written.status().within(printable(file->path_));
}

Task<Status> FileSystemCore::punch(NodePointer file, uint64_t offset, uint64_t size) {
  CO_TRY(check_data_node(file, true));
  CO_TRY(check_extent(offset, 0));
  std::vector<Lock> locks;
  locks.push_back(object_lock(file->object(), true));
  const LockTable::Held held = co_await locks_.acquire(std::move(locks));
  CO_TRY_ASSIGN(const uint64_t file_size, co_await this->size(file));
  if (offset >= file_size || size == 0) co_return ok();
  size = std::min(size, file_size - offset);
  if (size / file->chunk_size() > kPunchesMax) {
    co_return Status(Code::kTooBig, "the hole takes too many changes at once; make it in steps")
        .within(printable(file->path_));
  }
  WriteSet set;
  set.punch_data(file->object(), file->chunk_size(), offset, size);
  if (offset + size == file_size)
    set.write_data(file->object(), file->chunk_size(), file_size - 1, ByteView(kZeroByte));
  set.update(file->object(), ByteView(marker_dkey()), kMarkerAkey, Bytes(1));
  const Result<Epoch> written = co_await commit(set);
  co_return written.status().within(printable(file->path_));
}

Task<Result<std::vector<FileExtent>>> FileSystemCore::data_extents(NodePointer file, uint64_t offset,
                                                                   uint32_t count_max) {
  CO_TRY(check_data_node(file, false));
  const ByteCount chunk_size = file->chunk_size();
  const uint64_t first_chunk = offset / chunk_size;
  std::vector<FileExtent> extents;
  Anchor from;
  while (!from.is_end) {
    const client::ListLimits limits;
    Result<client::KeyPage> page = co_await container_->list_dkeys(file->object(), std::move(from), limits, epoch_);
    CO_TRY(page.status().within(printable(file->path_)));
    from = std::move(page->next);
    for (const Bytes& dkey : page->keys) {
      if (dkey.size() != sizeof(uint64_t)) co_return Status(Code::kCorrupt, "a file's data has a strange key");
      const uint64_t number = load_le<uint64_t>(dkey.data());
      if (number == 0 || number - 1 < first_chunk) continue;
      const uint64_t chunk_begin = (number - 1) * chunk_size;
      Anchor within;
      while (!within.is_end) {
        Bytes akey = to_bytes(kDataAkey);
        Result<client::RecxPage> recxs =
            co_await container_->list_recxs(file->object(), dkey, std::move(akey), std::move(within), limits, epoch_);
        CO_TRY(recxs.status().within(printable(file->path_)));
        within = std::move(recxs->next);
        for (const ListedRecx& listed : recxs->recxs) {
          FileExtent extent;
          extent.offset = chunk_begin + listed.recx.index;
          extent.size = listed.recx.count;
          if (extent.end() <= offset) continue;
          if (extent.offset < offset) {
            extent.size = extent.end() - offset;
            extent.offset = offset;
          }
          if (!extents.empty() && extents.back().end() == extent.offset) {
            extents.back().size += extent.size;
            continue;
          }
          if (extents.size() == count_max) co_return extents;
          extents.push_back(extent);
        }
      }
    }
  }
  co_return extents;
}

Task<Result<client::Array>> FileSystemCore::array(NodePointer file) {
  CO_TRY(check_data_node(file, false));
  if (file->open_mode() == OpenMode::kReadWrite) {
    WriteSet set;
    set.update(file->object(), ByteView(marker_dkey()), kMarkerAkey, Bytes(1));
    const Result<Epoch> written = co_await commit(set);
    CO_TRY(written.status().within(printable(file->path_)));
  }
  co_return client::Array(container_, file->object(), 1, file->chunk_size(), epoch_);
}

}  // namespace aeon::dfs
