#include "client/array.h"

#include <daos_array.h>
#include <daos_errno.h>

#include "buffers.h"
#include "open_handles.h"
#include "operation.h"
#include "status_codes.h"

namespace aeon::capi {
namespace {

client::Array open_array(const ArrayHandle& handle, Epoch epoch = kEpochMax) {
  return client::Array(handle.container->container, handle.id, handle.cell_size, handle.chunk_cells, epoch);
}

bool are_sizes(uint64_t cell_size, uint64_t chunk_cells) {
  uint64_t chunk_bytes = 0;
  return cell_size != 0 && chunk_cells != 0 && !__builtin_mul_overflow(cell_size, chunk_cells, &chunk_bytes);
}

constexpr uint64_t kRangesInACall = 1u << 20;

// The ranges of a call that aren't empty, and their size in bytes. -DER_INVAL.
int read_ranges(const daos_array_iod_t* iod, uint64_t cell_size, std::vector<client::CellRange>* ranges,
                uint64_t* size) {
  if (iod == nullptr || iod->arr_nr == 0 || iod->arr_nr > kRangesInACall || iod->arr_rgs == nullptr) return -DER_INVAL;
  *size = 0;
  ranges->reserve(iod->arr_nr);
  for (daos_size_t i = 0; i < iod->arr_nr; ++i) {
    const daos_range_t& range = iod->arr_rgs[i];
    uint64_t end = 0;
    uint64_t bytes = 0;
    if (__builtin_add_overflow(range.rg_idx, range.rg_len, &end) ||
        __builtin_mul_overflow(range.rg_len, cell_size, &bytes) || __builtin_add_overflow(*size, bytes, size)) {
      return -DER_INVAL;
    }
    if (range.rg_len != 0) ranges->push_back({range.rg_idx, range.rg_len});
  }
  return 0;
}

Task<int> create(std::shared_ptr<ArrayHandle> handle, std::shared_ptr<ContainerHandle> container, daos_handle_t* oh) {
  const auto array =
      co_await client::Array::create(container->container, handle->id, handle->cell_size, handle->chunk_cells);
  if (!array) co_return to_der(array);
  co_return give_handle(std::move(handle), oh);
}

Task<int> open(std::shared_ptr<ArrayHandle> handle, std::shared_ptr<ContainerHandle> container, Epoch epoch,
               daos_size_t* cell_size, daos_size_t* chunk_size, daos_handle_t* oh) {
  const auto array = co_await client::Array::open(container->container, handle->id, epoch);
  if (!array) co_return to_der(array);
  handle->cell_size = array->cell_size();
  handle->chunk_cells = array->chunk_cells();
  if (cell_size != nullptr) *cell_size = handle->cell_size;
  if (chunk_size != nullptr) *chunk_size = handle->chunk_cells;
  co_return give_handle(std::move(handle), oh);
}

Task<int> read(std::shared_ptr<ArrayHandle> handle, Epoch epoch, std::vector<client::CellRange> ranges,
               std::vector<MutableBytes> out, uint64_t wanted, daos_array_iod_t* iod) {
  client::Array array = open_array(*handle, epoch);
  const auto found = co_await array.read(std::move(ranges), std::move(out));
  if (!found) co_return to_der(found);
  iod->arr_nr_read = found->bytes / handle->cell_size;
  iod->arr_nr_short_read = wanted / handle->cell_size - iod->arr_nr_read;
  co_return 0;
}

Task<int> write(std::shared_ptr<ArrayHandle> handle, std::vector<client::CellRange> ranges,
                std::vector<ByteView> data) {
  client::Array array = open_array(*handle);
  const Status status = co_await array.write(std::move(ranges), std::move(data));
  co_return to_der(status);
}

Task<int> punch(std::shared_ptr<ArrayHandle> handle, std::vector<client::CellRange> ranges) {
  client::Array array = open_array(*handle);
  const Status status = co_await array.punch(std::move(ranges));
  co_return to_der(status);
}

Task<int> get_size(std::shared_ptr<ArrayHandle> handle, Epoch epoch, daos_size_t* size) {
  client::Array array = open_array(*handle, epoch);
  const auto cells = co_await array.size();
  if (cells) *size = *cells;
  co_return to_der(cells);
}

Task<int> set_size(std::shared_ptr<ArrayHandle> handle, uint64_t cells) {
  client::Array array = open_array(*handle);
  const Status status = co_await array.set_size(cells);
  co_return to_der(status);
}

Task<int> destroy(std::shared_ptr<ArrayHandle> handle) {
  client::Array array = open_array(*handle);
  const Status status = co_await array.destroy();
  co_return to_der(status);
}

int start_handle(daos_handle_t coh, daos_obj_id_t oid, unsigned int mode, std::shared_ptr<ArrayHandle>* handle) {
  *handle = std::make_shared<ArrayHandle>();
  int rc = find_open(coh, &(*handle)->container);
  if (rc == 0) rc = check_open_mode(*(*handle)->container, mode, &(*handle)->is_writable);
  if (rc != 0) return rc;
  if (daos_obj_id2class(oid) == OC_UNKNOWN || !daos_is_array(oid)) return -DER_INVAL;
  (*handle)->id = to_object_id(oid);
  return 0;
}

}  // namespace
}  // namespace aeon::capi

using namespace aeon::capi;

int daos_array_create(daos_handle_t coh, daos_obj_id_t oid, daos_handle_t th, daos_size_t cell_size,
                      daos_size_t chunk_size, daos_handle_t* oh, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<ArrayHandle> handle;
  int rc = start_handle(coh, oid, DAOS_OO_RW, &handle);
  if (rc != 0) return rc;
  std::shared_ptr<ContainerHandle> container = handle->container;
  rc = find_write_transaction(th, &container);
  if (rc != 0) return rc;
  if (oh == nullptr || !are_sizes(cell_size, chunk_size) || daos_obj_id2type(oid) != DAOS_OT_ARRAY) return -DER_INVAL;
  handle->cell_size = cell_size;
  handle->chunk_cells = chunk_size;
  aeon::client::System& system = handle->container->system();
  return run_operation(system, ev, create(std::move(handle), std::move(container), oh));
}

int daos_array_open(daos_handle_t coh, daos_obj_id_t oid, daos_handle_t th, unsigned int mode, daos_size_t* cell_size,
                    daos_size_t* chunk_size, daos_handle_t* oh, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<ArrayHandle> handle;
  aeon::Epoch epoch;
  int rc = start_handle(coh, oid, mode, &handle);
  if (rc != 0) return rc;
  std::shared_ptr<ContainerHandle> container = handle->container;
  rc = find_read_epoch(th, &container, &epoch);
  if (rc != 0) return rc;
  if (oh == nullptr || daos_obj_id2type(oid) != DAOS_OT_ARRAY) return -DER_INVAL;
  aeon::client::System& system = handle->container->system();
  return run_operation(system, ev, open(std::move(handle), std::move(container), epoch, cell_size, chunk_size, oh));
}

int daos_array_open_with_attr(daos_handle_t coh, daos_obj_id_t oid, daos_handle_t th, unsigned int mode,
                              daos_size_t cell_size, daos_size_t chunk_size, daos_handle_t* oh, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<ArrayHandle> handle;
  aeon::Epoch epoch;
  int rc = start_handle(coh, oid, mode, &handle);
  if (rc != 0) return rc;
  std::shared_ptr<ContainerHandle> container = handle->container;
  rc = find_read_epoch(th, &container, &epoch);
  if (rc != 0) return rc;
  const auto type = daos_obj_id2type(oid);
  if (oh == nullptr || !are_sizes(cell_size, chunk_size) || type == DAOS_OT_ARRAY) return -DER_INVAL;
  if (type == DAOS_OT_ARRAY_BYTE && cell_size != 1) return -DER_INVAL;
  handle->cell_size = cell_size;
  handle->chunk_cells = chunk_size;
  return run_now(ev, [&] { return give_handle(std::move(handle), oh); });
}

int daos_array_close(daos_handle_t oh, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  return run_now(ev, [&] { return handles().remove<ArrayHandle>(oh) == nullptr ? -DER_NO_HDL : 0; });
}

int daos_array_read(daos_handle_t oh, daos_handle_t th, daos_array_iod_t* iod, d_sg_list_t* sgl, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<ArrayHandle> handle;
  aeon::Epoch epoch;
  std::vector<aeon::client::CellRange> ranges;
  std::vector<aeon::MutableBytes> out;
  uint64_t wanted = 0;
  uint64_t room = 0;
  int rc = find_for_reading(oh, th, &handle, &epoch);
  if (rc == 0) rc = read_ranges(iod, handle->cell_size, &ranges, &wanted);
  if (rc == 0) rc = read_wanted_room(sgl, &out, &room);
  if (rc != 0) return rc;
  if (wanted != room) return -DER_INVAL;
  return run_operation(handle->container->system(), ev,
                       read(handle, epoch, std::move(ranges), std::move(out), wanted, iod));
}

int daos_array_write(daos_handle_t oh, daos_handle_t th, daos_array_iod_t* iod, d_sg_list_t* sgl, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<ArrayHandle> handle;
  std::vector<aeon::client::CellRange> ranges;
  std::vector<aeon::ByteView> data;
  uint64_t wanted = 0;
  uint64_t size = 0;
  int rc = find_for_writing(oh, th, &handle);
  if (rc == 0) rc = read_ranges(iod, handle->cell_size, &ranges, &wanted);
  if (rc == 0) rc = read_data(sgl, &data, &size);
  if (rc != 0) return rc;
  if (wanted != size) return -DER_INVAL;
  return run_operation(handle->container->system(), ev, write(handle, std::move(ranges), std::move(data)));
}

int daos_array_get_size(daos_handle_t oh, daos_handle_t th, daos_size_t* size, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<ArrayHandle> handle;
  aeon::Epoch epoch;
  const int rc = find_for_reading(oh, th, &handle, &epoch);
  if (rc != 0) return rc;
  if (size == nullptr) return -DER_INVAL;
  return run_operation(handle->container->system(), ev, get_size(handle, epoch, size));
}

int daos_array_set_size(daos_handle_t oh, daos_handle_t th, daos_size_t size, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<ArrayHandle> handle;
  const int rc = find_for_writing(oh, th, &handle);
  if (rc != 0) return rc;
  uint64_t bytes = 0;
  if (__builtin_mul_overflow(size, handle->cell_size, &bytes)) return -DER_INVAL;
  return run_operation(handle->container->system(), ev, set_size(handle, size));
}

int daos_array_destroy(daos_handle_t oh, daos_handle_t th, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<ArrayHandle> handle;
  const int rc = find_for_writing(oh, th, &handle);
  if (rc != 0) return rc;
  return run_operation(handle->container->system(), ev, destroy(handle));
}

int daos_array_punch(daos_handle_t oh, daos_handle_t th, daos_array_iod_t* iod, daos_event_t* ev) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<ArrayHandle> handle;
  std::vector<aeon::client::CellRange> ranges;
  uint64_t size = 0;
  int rc = find_for_writing(oh, th, &handle);
  if (rc == 0) rc = read_ranges(iod, handle->cell_size, &ranges, &size);
  if (rc != 0) return rc;
  return run_operation(handle->container->system(), ev, punch(handle, std::move(ranges)));
}

int daos_array_get_attr(daos_handle_t oh, daos_size_t* chunk_size, daos_size_t* cell_size) {
  const Inside inside;
  if (!inside) return -DER_UNINIT;
  std::shared_ptr<ArrayHandle> handle;
  const int rc = find_open(oh, &handle);
  if (rc != 0) return rc;
  if (chunk_size == nullptr || cell_size == nullptr) return -DER_INVAL;
  *chunk_size = handle->chunk_cells;
  *cell_size = handle->cell_size;
  return 0;
}
