// Reading and writing files.
#include <cerrno>

#include "buffers.h"
#include "dfs_mount.h"

#include <gurt/common.h>

namespace aeon::capi {
namespace {

constexpr uint64_t kFileRangesInACall = 1u << 20;

// 0, EINVAL, EISDIR.
int check_file(const dfs_t* dfs, const dfs_obj_t* obj) {
  if (!is_mount(dfs) || !is_object_of(obj, dfs)) return EINVAL;
  if (obj->node->is_directory()) return EISDIR;
  return obj->node->type() == dfs::NodeType::kFile ? 0 : EINVAL;
}

int check_writable_file(const dfs_t* dfs, const dfs_obj_t* obj) {
  const int rc = check_file(dfs, obj);
  if (rc != 0) return rc;
  return obj->node->open_mode() == dfs::OpenMode::kReadWrite && !dfs->files->is_read_only() ? 0 : EPERM;
}

int read_file_ranges(const dfs_iod_t* iod, std::vector<dfs::FileExtent>* extents, uint64_t* size) {
  if (iod == nullptr || iod->iod_nr > kFileRangesInACall || (iod->iod_nr != 0 && iod->iod_rgs == nullptr))
    return EINVAL;
  *size = 0;
  for (daos_size_t i = 0; i < iod->iod_nr; ++i) {
    const daos_range_t& range = iod->iod_rgs[i];
    if (range.rg_len > dfs::kFileSizeMax || range.rg_idx > dfs::kFileSizeMax) return EINVAL;
    if (range.rg_len != 0) extents->push_back({range.rg_idx, range.rg_len});
    *size += range.rg_len;
    if (*size > dfs::kFileSizeMax) return EINVAL;
  }
  return 0;
}

// Tells the list how many of its buffers a read has reached. Their iov_len stays: it says what the next is to read.
void mark_read(d_sg_list_t* sgl, uint64_t size) {
  sgl->sg_nr_out = 0;
  for (uint32_t i = 0; i < sgl->sg_nr && size > 0; ++i) {
    const d_iov_t& iov = sgl->sg_iovs[i];
    size -= std::min<uint64_t>(size, iov.iov_len != 0 ? iov.iov_len : iov.iov_buf_len);
    sgl->sg_nr_out = i + 1;
  }
}

int answer_read(const Result<ByteCount>& read, d_sg_list_t* sgl, daos_size_t* read_size) {
  if (read) {
    *read_size = *read;
    mark_read(sgl, *read);
  }
  return to_errno(read);
}

Task<int> read_file(std::shared_ptr<dfs::FileSystem> files, dfs::NodePointer node, uint64_t offset,
                    std::vector<MutableBytes> out, d_sg_list_t* sgl, daos_size_t* read_size) {
  const auto read = co_await files->read(std::move(node), offset, std::move(out));
  co_return answer_read(read, sgl, read_size);
}

Task<int> read_file_extents(std::shared_ptr<dfs::FileSystem> files, dfs::NodePointer node,
                            std::vector<dfs::FileExtent> extents, std::vector<MutableBytes> out, d_sg_list_t* sgl,
                            daos_size_t* read_size) {
  const auto read = co_await files->read_extents(std::move(node), std::move(extents), std::move(out));
  co_return answer_read(read, sgl, read_size);
}

Task<int> write_file(std::shared_ptr<dfs::FileSystem> files, dfs::NodePointer node, uint64_t offset,
                     std::vector<ByteView> data) {
  co_return to_errno(co_await files->write(std::move(node), offset, std::move(data)));
}

Task<int> write_file_extents(std::shared_ptr<dfs::FileSystem> files, dfs::NodePointer node,
                             std::vector<dfs::FileExtent> extents, std::vector<ByteView> data) {
  co_return to_errno(co_await files->write_extents(std::move(node), std::move(extents), std::move(data)));
}

Task<int> get_file_size(std::shared_ptr<dfs::FileSystem> files, dfs::NodePointer node, daos_size_t* size) {
  const auto found = co_await files->size(std::move(node));
  if (found) *size = *found;
  co_return to_errno(found);
}

Task<int> punch_file(std::shared_ptr<dfs::FileSystem> files, dfs::NodePointer node, uint64_t offset, uint64_t length) {
  bool cuts = length == DFS_MAX_FSIZE;
  if (!cuts) {
    const auto size = co_await files->size(node);
    if (!size) co_return to_errno(size);
    if (length == 0 || offset >= *size) co_return 0;
    cuts = length >= *size - offset;
  }
  if (cuts) co_return to_errno(co_await files->truncate(std::move(node), offset));
  co_return to_errno(co_await files->punch(std::move(node), offset, length));
}

}  // namespace
}  // namespace aeon::capi

using namespace aeon::capi;

int dfs_read(dfs_t* dfs, dfs_obj_t* obj, d_sg_list_t* sgl, daos_off_t off, daos_size_t* read_size, daos_event_t* ev) {
  int rc = check_file(dfs, obj);
  if (rc != 0) return rc;
  std::vector<aeon::MutableBytes> out;
  uint64_t room = 0;
  if (read_size == nullptr || read_wanted_room(sgl, &out, &room) != 0) return EINVAL;
  return run_files(dfs, read_file(dfs->files, obj->node, off, std::move(out), sgl, read_size), ev);
}

int dfs_readx(dfs_t* dfs, dfs_obj_t* obj, dfs_iod_t* iod, d_sg_list_t* sgl, daos_size_t* read_size, daos_event_t* ev) {
  int rc = check_file(dfs, obj);
  std::vector<aeon::dfs::FileExtent> extents;
  uint64_t wanted = 0;
  if (rc == 0) rc = read_file_ranges(iod, &extents, &wanted);
  if (rc != 0) return rc;
  std::vector<aeon::MutableBytes> out;
  uint64_t room = 0;
  if (read_size == nullptr || read_wanted_room(sgl, &out, &room) != 0 || room != wanted) return EINVAL;
  return run_files(dfs, read_file_extents(dfs->files, obj->node, std::move(extents), std::move(out), sgl, read_size),
                   ev);
}

int dfs_write(dfs_t* dfs, dfs_obj_t* obj, d_sg_list_t* sgl, daos_off_t off, daos_event_t* ev) {
  const int rc = check_writable_file(dfs, obj);
  if (rc != 0) return rc;
  std::vector<aeon::ByteView> data;
  uint64_t size = 0;
  if (read_data(sgl, &data, &size) != 0) return EINVAL;
  if (off > aeon::dfs::kFileSizeMax || size > aeon::dfs::kFileSizeMax - off) return EFBIG;
  return run_files(dfs, write_file(dfs->files, obj->node, off, std::move(data)), ev);
}

int dfs_writex(dfs_t* dfs, dfs_obj_t* obj, dfs_iod_t* iod, d_sg_list_t* sgl, daos_event_t* ev) {
  int rc = check_writable_file(dfs, obj);
  std::vector<aeon::dfs::FileExtent> extents;
  uint64_t wanted = 0;
  if (rc == 0) rc = read_file_ranges(iod, &extents, &wanted);
  if (rc != 0) return rc;
  std::vector<aeon::ByteView> data;
  uint64_t size = 0;
  if (read_data(sgl, &data, &size) != 0 || size != wanted) return EINVAL;
  return run_files(dfs, write_file_extents(dfs->files, obj->node, std::move(extents), std::move(data)), ev);
}

int dfs_get_size(dfs_t* dfs, dfs_obj_t* obj, daos_size_t* size) {
  const int rc = check_file(dfs, obj);
  if (rc != 0) return rc;
  return size == nullptr ? EINVAL : run_files(dfs, get_file_size(dfs->files, obj->node, size));
}

int dfs_punch(dfs_t* dfs, dfs_obj_t* obj, daos_off_t offset, daos_size_t len) {
  const int rc = check_writable_file(dfs, obj);
  if (rc != 0) return rc;
  if (offset > aeon::dfs::kFileSizeMax) return EFBIG;
  return run_files(dfs, punch_file(dfs->files, obj->node, offset, len));
}
