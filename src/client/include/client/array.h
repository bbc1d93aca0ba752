// A one-dimensional array in one object (DAOS's array API): cells of fixed size, split into chunks that spread over
// the shards. Chunk c is dkey c+1 (an integer), akey "0", an array value of records of the cell size; dkey 0 holds
// what create() was given, for object type kArray; the other array types leave it to the caller.
#pragma once

#include <memory>
#include <vector>

#include "client/client.h"

namespace aeon::client {

struct CellRange {
  uint64_t index = 0;
  uint64_t count = 0;
};

class Array {
 public:
  // Without asking the store: the caller knows the sizes (DFS files, byte arrays).
  Array(std::shared_ptr<Container> container, ObjectId object, uint64_t cell_size, uint64_t chunk_cells,
        Epoch epoch = kEpochMax)
      : container_(std::move(container)),
        object_(object),
        cell_size_(cell_size),
        chunk_cells_(chunk_cells),
        epoch_(epoch) {}

  // kExists if there is one already.
  static Task<Result<Array>> create(std::shared_ptr<Container> container, ObjectId object, uint64_t cell_size,
                                    uint64_t chunk_cells);
  // kNotFound if create() never was.
  static Task<Result<Array>> open(std::shared_ptr<Container> container, ObjectId object, Epoch epoch = kEpochMax);

  // `data` and `out` are in any number of pieces whose sizes add up to the ranges' (else kInvalidArgument), and must
  // stay until the task has ended. A read fills holes and what lies behind the end with zeros; it returns the bytes
  // up to the last written cell of the ranges, so that short reads can be told. A write over several targets, or of
  // more than 64 chunks, is several: each is there whole or not at all, and after an error some of them may be.
  Task<Status> write(std::vector<CellRange> ranges, std::vector<ByteView> data);
  struct ReadResult {
    ByteCount bytes = 0;         // Up to the array's end, holes included.
    ByteCount bytes_present = 0; // Without holes.
  };
  Task<Result<ReadResult>> read(std::vector<CellRange> ranges, std::vector<MutableBytes> out);
  Task<Status> punch(std::vector<CellRange> ranges);
  // In cells: one past the last cell written or set_size().
  Task<Result<uint64_t>> size();
  Task<Status> set_size(uint64_t cells);
  Task<Result<Epoch>> max_epoch();
  // Punches the object, and with it what create() stored.
  Task<Status> destroy();

  uint64_t cell_size() const { return cell_size_; }
  uint64_t chunk_cells() const { return chunk_cells_; }
  ObjectId object() const { return object_; }

 private:
  std::shared_ptr<Container> container_;
  ObjectId object_;
  uint64_t cell_size_;
  uint64_t chunk_cells_;
  Epoch epoch_;
};

}  // namespace aeon::client
