// Which requests of clients over a network were done, and what the answers were, so that one that is sent again to a
// store that was opened since isn't done twice.
//
// The record of a request is put by the batch of what it changes, in one of kRequestsKept places of its client: it
// stays until the client has numbered as many more, and no client sends again what is that old. Records of a client
// that hasn't changed anything for kRequestsKeptFor are erased, from the longest silent on; also when there are too
// many clients.
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

struct DoneRecord {
  uint64_t number = 0;
  DoneRequest done;
};
Bytes encode_done_record(const DoneRecord& record);
Result<DoneRecord> decode_done_record(ByteView record);  // kCorrupt.

class DoneRequests {
 public:
  static constexpr size_t kClientsMax = 64 * 1024;  // As many as an engine remembers the answers of.

  // `turn` is the store's writer turn. All outlive this; what runs in `background` ends with `closing`.
  DoneRequests(World& world, media::KeyBlockStore& media, Semaphore& turn, Gate& background, Cancellation& closing,
               size_t clients_max = kClientsMax)
      : world_(world),
        media_(media),
        turn_(turn),
        background_(background),
        closing_(closing),
        clients_max_(clients_max) {}

  // Which clients there are. Once, before anything else. Damage is only logged: find() tells who is concerned.
  Task<void> load();
  // In the writer turn: into the batch of what was asked for, and when that was applied. Nothing for those that won't
  // be repeated.
  void put(RequestId id, const DoneRequest& done, media::Batch& batch) const;
  void note(RequestId id);
  // Nothing if it wasn't done, or is remembered no longer.
  Task<Result<std::optional<DoneRequest>>> find(RequestId id);

 private:
  struct Client {
    uint64_t id = 0;
    Instant last;  // When it changed something; or the store was opened.
    uint64_t newest = 0;  // Of its numbers.
  };
  Task<Status> look_for_clients();
  void start_forgetting();
  Task<void> forget_silent();
  Task<void> forget_too_many();
  Task<Status> erase(uint64_t client);

  World& world_;
  media::KeyBlockStore& media_;
  Semaphore& turn_;
  Gate& background_;
  Cancellation& closing_;
  const size_t clients_max_;
  std::list<Client> clients_;  // The longest silent first.
  std::unordered_map<uint64_t, std::list<Client>::iterator> places_;
  bool is_forgetting_ = false;
  bool has_too_many_ = false;
};

}  // namespace aeon::vos
