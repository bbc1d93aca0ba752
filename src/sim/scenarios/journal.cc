// The simulator's own proof, on nothing but the seams: clients append numbered entries to a journal server until each
// is acknowledged. The server keeps every entry on two disks, one of which decays in every way a disk can. Every
// acknowledged entry must be in the journal once, and neither disk may show an entry that nobody sent.
#include <array>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/crc32c.h"
#include "runtime/gate.h"
#include "scenario.h"
#include "sim/sim_nemesis.h"

namespace aeon {

namespace {

constexpr uint64_t kServerNode = 1;
constexpr uint64_t kFirstClientNode = 10;
const std::string kServer = SimNetwork::address(kServerNode, 1);
constexpr Duration kPatience = std::chrono::milliseconds(50);
constexpr uint64_t kMagic = 0x6c616e72756f6aull;

// Who appended it, and which of his entries it is.
using Entry = std::pair<uint64_t, uint64_t>;

// One block of the journal.
struct Record {
  uint32_t checksum;
  uint32_t reserved;
  uint64_t magic;
  uint64_t slot;
  uint64_t client;
  uint64_t number;
};

uint32_t checksum_of(const DiskBuffer& block) { return crc32c(block.bytes().subspan(sizeof(uint32_t))); }

void encode(DiskBuffer& block, Record record) {
  std::memcpy(block.data(), &record, sizeof record);
  for (size_t at = sizeof record; at < block.size(); ++at) {
    block.data()[at] = static_cast<std::byte>(record.number + at);
  }
  store_le(block.data(), checksum_of(block));
}

std::optional<Record> decode(const DiskBuffer& block, uint64_t slot) {
  Record record;
  std::memcpy(&record, block.data(), sizeof record);
  if (record.checksum != checksum_of(block) || record.magic != kMagic || record.slot != slot) return std::nullopt;
  return record;
}

Task<Status> read_all(Stream& stream, MutableBytes into) {
  while (!into.empty()) {
    CO_TRY_ASSIGN(const size_t count, co_await stream.read(into));
    if (count == 0) co_return Status(Code::kUnavailable, "the peer has ended");
    into = into.subspan(count);
  }
  co_return ok();
}
Task<Status> write_all(Stream& stream, ByteView from) { co_return co_await stream.write(std::span(&from, 1)); }

class JournalServer {
 public:
  JournalServer(World& world, Disk& sound, Disk& decaying)
      : world_(world), sound_(sound), decaying_(decaying), gate_(world.executor), turn_(world.executor) {}

  // Reads the journal, then serves.
  Task<void> start() {
    // After a kill, what we read may sit in the disk's cache only. Flushed before it is read, so that nothing we
    // answer for can go with the next power loss.
    for (;;) {
      const Status flushed = co_await sound_.flush();
      if (flushed.is_ok()) break;
    }
    for (;;) {
      std::optional<Record> record;
      const Status status = co_await read_slot(next_slot_, &record);
      if (!status.is_ok()) {
        co_await sleep_for(world_.executor, std::chrono::milliseconds(1));
        continue;
      }
      if (!record) break;
      entries_.insert({record->client, record->number});
      if (++next_slot_ > kSlotCount) break;
    }
    auto listener = world_.network.listen(kServer);
    CHECK(listener.is_ok());
    listener_ = std::move(*listener);
    is_open_ = true;
    while (true) {
      auto stream = co_await listener_->accept();
      if (!stream.is_ok()) co_return;
      gate_.spawn(serve(std::move(*stream)));
    }
  }

  bool is_open() const { return is_open_; }
  const std::set<Entry>& entries() const { return entries_; }
  // What good copies the decaying disk had when the journal was read.
  const std::set<Entry>& copies() const { return copies_; }
  uint64_t slot_count() const { return next_slot_; }
  static constexpr uint64_t kSlotCount = 100'000;

 private:
  // kIo if the sound disk can't say: then nothing is known of the slot.
  Task<Status> read_slot(uint64_t slot, std::optional<Record>* out) {
    DiskBuffer first(kDiskBlockSize), second(kDiskBlockSize);
    const Status sound_status = co_await sound_.read(slot * kDiskBlockSize, first.bytes());
    const Status decaying_status = co_await decaying_.read(slot * kDiskBlockSize, second.bytes());
    if (!sound_status.is_ok()) co_return sound_status;
    *out = decode(first, slot);
    if (!decaying_status.is_ok()) co_return ok();
    // Of an append that nobody acknowledged maybe, so it doesn't count; but somebody must have sent it.
    const std::optional<Record> copy = decode(second, slot);
    if (copy) copies_.insert({copy->client, copy->number});
    co_return ok();
  }

  Task<Status> write_slot(Disk* disk, const DiskBuffer* block, uint64_t slot) {
    if (world_.faults.sometimes("journal_write_then_flush")) {
      CO_TRY(co_await disk->write(slot * kDiskBlockSize, block->bytes()));
      Status flushed = co_await disk->flush();
      co_return flushed;
    }
    Status written = co_await disk->write_durable(slot * kDiskBlockSize, block->bytes());
    co_return written;
  }

  // Appends what a client sends, and answers with the number of each that is in the journal.
  Task<void> serve(std::unique_ptr<Stream> stream) {
    while (true) {
      std::array<std::byte, 2 * sizeof(uint64_t)> request;
      Status status = co_await read_all(*stream, request);
      if (!status.is_ok()) co_return;
      const uint64_t number = load_le<uint64_t>(request.data() + sizeof(uint64_t));
      status = co_await append(load_le<uint64_t>(request.data()), number);
      if (!status.is_ok()) co_return;  // The client asks again, and the slot is written again.
      status = co_await write_all(*stream, ByteView(request).subspan(sizeof(uint64_t)));
      if (!status.is_ok()) co_return;
    }
  }

  Task<Status> append(uint64_t client, uint64_t number) {
    const Permit turn = co_await turn_.lock();
    if (entries_.contains({client, number})) co_return ok();
    DiskBuffer block(kDiskBlockSize);
    encode(block, {0, 0, kMagic, next_slot_, client, number});
    const Status second = co_await write_slot(&decaying_, &block, next_slot_);
    ignore(second, "the decaying disk only has copies");
    CO_TRY(co_await write_slot(&sound_, &block, next_slot_));
    entries_.insert({client, number});
    ++next_slot_;
    co_return ok();
  }

  World& world_;
  Disk& sound_;
  Disk& decaying_;
  Gate gate_;
  Mutex turn_;
  std::unique_ptr<Listener> listener_;
  bool is_open_ = false;
  uint64_t next_slot_ = 0;
  std::set<Entry> entries_;
  std::set<Entry> copies_;
};

// Shuts a stream over which no answer came in time: its server may be gone without a word.
class AnswerTimer final : private Timer {
 public:
  AnswerTimer(Executor& executor, Stream& stream) : executor_(executor), stream_(stream) {
    executor.arm(*this, executor.now() + std::chrono::seconds(3));
  }
  ~AnswerTimer() override {
    if (is_armed()) executor_.disarm(*this);
  }

 private:
  void on_fire() override { stream_.shut(); }
  Executor& executor_;
  Stream& stream_;
};

class JournalClient {
 public:
  JournalClient(World& world, uint64_t node, uint64_t entry_count)
      : world_(world), node_(node), entry_count_(entry_count) {}

  // Connects anew whenever something goes wrong, and goes on with what isn't acknowledged.
  Task<void> run() {
    while (acknowledged_ < entry_count_) {
      auto stream = co_await world_.network.connect(kServer, kPatience);
      if (stream.is_ok()) {
        ignore(co_await append_rest(**stream), "then over the next connection");
      } else {
        co_await sleep_for(world_.executor, std::chrono::milliseconds(1 + world_.random.below(5)));
      }
    }
    is_done_ = true;
  }

  bool is_done() const { return is_done_; }
  uint64_t node() const { return node_; }
  uint64_t acknowledged() const { return acknowledged_; }
  uint64_t sent() const { return sent_; }

 private:
  Task<Status> append_rest(Stream& stream) {
    while (acknowledged_ < entry_count_) {
      std::array<std::byte, 2 * sizeof(uint64_t)> request;
      sent_ = acknowledged_ + 1;
      store_le(request.data(), node_);
      store_le(request.data() + sizeof(uint64_t), sent_);
      const AnswerTimer timer(world_.executor, stream);
      CO_TRY(co_await write_all(stream, request));
      std::array<std::byte, sizeof(uint64_t)> answer;
      CO_TRY(co_await read_all(stream, answer));
      if (load_le<uint64_t>(answer.data()) != sent_) co_return Status(Code::kCorrupt, "an answer to something else");
      acknowledged_ = sent_;
    }
    co_return ok();
  }

  World& world_;
  const uint64_t node_;
  const uint64_t entry_count_;
  uint64_t sent_ = 0;
  uint64_t acknowledged_ = 0;
  bool is_done_ = false;
};

SimDiskFaults sound_faults() {
  SimDiskFaults faults;
  faults.read_error = 0.01;
  faults.write_error = 0.02;
  faults.flush_error = 0.02;
  faults.slow = 0.01;
  return faults;
}

class JournalRun {
 public:
  explicit JournalRun(uint64_t seed)
      : scheduler_(seed),
        network_(scheduler_),
        server_(scheduler_, network_, "journal server", kServerNode),
        sound_(server_.add_disk({.name = "sound disk", .faults = sound_faults()})),
        decaying_(server_.add_disk({.name = "decaying disk"})),
        nemesis_(scheduler_, network_, {}) {
    decaying_.set_faults(SimDiskFaults::random(scheduler_.random(), 0.1));
    start_server();
    nemesis_.add(kServerNode, server_, [this] { start_server(); });
    const uint64_t client_count = 1 + scheduler_.random().below(4);
    for (uint64_t i = 0; i < client_count; ++i) {
      const uint64_t node = kFirstClientNode + i;
      processes_.push_back(std::make_unique<SimProcess>(scheduler_, network_, "client " + std::to_string(i), node));
      SimProcess& process = *processes_.back();
      const uint64_t entry_count = 10 + scheduler_.random().below(80);
      clients_.push_back(&process.own(std::make_unique<JournalClient>(process.world(), node, entry_count)));
      process.executor().spawn(clients_.back()->run());
      nemesis_.add_bystander(node, process);
    }
  }

  ScenarioOutcome run() {
    nemesis_.start();
    scheduler_.run_for(std::chrono::seconds(1 + scheduler_.random().below(30)));
    check();
    nemesis_.stop();
    sound_.set_faults({});
    const auto all_done = [this] {
      for (const JournalClient* client : clients_) {
        if (!client->is_done()) return false;
      }
      return true;
    };
    if (!scheduler_.run_until(all_done, std::chrono::minutes(10))) scheduler_.fail("a client never finished");
    server_.crash();
    server_.start();
    start_server();
    if (!scheduler_.run_until([this] { return journal_->is_open(); }, std::chrono::minutes(1))) {
      scheduler_.fail("the journal didn't open again");
    }
    check();
    return outcome_of(scheduler_);
  }

 private:
  void start_server() {
    journal_ = &server_.own(std::make_unique<JournalServer>(server_.world(), sound_, decaying_));
    server_.executor().spawn(journal_->start());
  }

  void check() {
    if (!server_.is_alive() || !journal_->is_open()) return;
    const std::set<Entry>& entries = journal_->entries();
    for (const JournalClient* client : clients_) {
      for (uint64_t number = 1; number <= client->acknowledged(); ++number) {
        if (!entries.contains({client->node(), number})) {
          scheduler_.fail("acknowledged entry " + std::to_string(number) + " of client " +
                          std::to_string(client->node()) + " is lost");
        }
      }
    }
    for (const std::set<Entry>* found : {&entries, &journal_->copies()}) {
      for (const Entry& entry : *found) {
        if (!was_sent(entry)) scheduler_.fail("the journal has an entry that nobody sent");
      }
    }
    if (journal_->slot_count() != entries.size()) scheduler_.fail("an entry is in the journal twice");
  }

  bool was_sent(const Entry& entry) const {
    for (const JournalClient* client : clients_) {
      if (client->node() == entry.first) return entry.second >= 1 && entry.second <= client->sent();
    }
    return false;
  }

  SimScheduler scheduler_;
  SimNetwork network_;
  SimProcess server_;
  SimDisk& sound_;
  SimDisk& decaying_;
  SimNemesis nemesis_;
  JournalServer* journal_ = nullptr;  // Of the server's present life.
  std::vector<std::unique_ptr<SimProcess>> processes_;
  std::vector<JournalClient*> clients_;
};

}  // namespace

ScenarioOutcome run_journal(uint64_t seed) {
  JournalRun run(seed);
  return run.run();
}

}  // namespace aeon
