// Which writes of clients over a network were done, and at what epoch, so that one that is sent again to a store that
// was opened since isn't done twice.
//
// The record of a write is put by the batch of the write itself, in one of kWritesKept places of its client: it stays
// until the client has numbered as many more, and no client sends again what is that old. Records of a client that
// hasn't written for kWritesKeptFor are erased, from the longest silent on; also when there are too many clients.
//
// Threading: the store's executor. See docs/design/serving.md, "Sent again".
#pragma once

#include <list>
#include <optional>
#include <unordered_map>

#include "media/key_block_store.h"
#include "runtime/cancellation.h"
#include "runtime/gate.h"
#include "runtime/world.h"
#include "vos/types.h"

namespace aeon::vos {

// A record.
struct DoneWrite {
  uint64_t number = 0;
  Epoch epoch;
};
Bytes encode_done_write(const DoneWrite& write);
Result<DoneWrite> decode_done_write(ByteView record);  // kCorrupt.

class DoneWrites {
 public:
  // `turn` is the store's writer turn. All outlive this; what runs in `background` ends with `closing`.
  DoneWrites(World& world, media::KeyBlockStore& media, Semaphore& turn, Gate& background, Cancellation& closing)
      : world_(world), media_(media), turn_(turn), background_(background), closing_(closing) {}

  // Which clients there are. Once, before anything else. Damage is only logged: find() tells who is concerned.
  Task<void> load();
  // In the writer turn: into the write's batch, and when that was applied.
  static void put(WriteId id, Epoch epoch, media::Batch& batch);
  void note(WriteId id);
  // The epoch of a write that was done, of those that are remembered.
  Task<Result<std::optional<Epoch>>> find(WriteId id);

  size_t client_count() const { return clients_.size(); }

 private:
  struct Client {
    uint64_t id = 0;
    Instant last;  // When it wrote last; or the store was opened.
  };
  Task<Status> look_for_clients();
  void start_forgetting();
  Task<void> forget_silent();
  Task<Status> erase(uint64_t client);

  World& world_;
  media::KeyBlockStore& media_;
  Semaphore& turn_;
  Gate& background_;
  Cancellation& closing_;
  std::list<Client> clients_;  // The longest silent first.
  std::unordered_map<uint64_t, std::list<Client>::iterator> places_;
  bool is_forgetting_ = false;
};

}  // namespace aeon::vos
