// A disk in memory over a BlockTable that completes everything inside submit: for opening one of many images quickly.
#pragma once

#include <optional>

#include "runtime/disk.h"
#include "sim/block_table.h"

namespace aeon {

class ImageDisk final : public Disk {
 public:
  // New contents go to `arena`; the table that was given stays as it is.
  ImageDisk(BlockTable table, BlockArena& arena) : table_(std::move(table)), arena_(arena) {}

  ByteCount capacity() const override { return table_.block_count() * kDiskBlockSize; }
  std::string_view name() const override { return "image"; }
  void submit(DiskOp& op) override;

  const BlockTable& table() const { return table_; }

 private:
  BlockTable table_;
  BlockArena& arena_;
};

// kInvalidArgument unless the operation keeps to the contract of Disk.
Status check_disk_op(const DiskOp& op, ByteCount capacity);

}  // namespace aeon
