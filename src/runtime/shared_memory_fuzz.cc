// A ring in shared memory whose other side writes what it likes, and the message that offers one.
//
// The input is a list of steps: the other side changes its position, a flag or the bytes, or this side takes or puts.
// Whatever happens, what is moved stays within both the ring and the caller's memory (AddressSanitizer looks), and
// what is wrong is told once and for all.
#include <array>
#include <memory>

#include "shared_memory_handshake.h"
#include "shared_memory_ring.h"

namespace {

using namespace aeon;

constexpr size_t kFuzzedRingSize = 256;

class Steps {
 public:
  explicit Steps(ByteView bytes) : bytes_(bytes) {}
  bool has_more() const { return !bytes_.empty(); }
  template <typename T>
  T next() {
    std::array<std::byte, sizeof(T)> value{};
    const size_t count = std::min(sizeof(T), bytes_.size());
    std::copy_n(bytes_.begin(), count, value.begin());
    bytes_ = bytes_.subspan(count);
    return load_le<T>(value.data());
  }

 private:
  ByteView bytes_;
};

void use_a_ring(Steps steps) {
  const auto control = std::make_unique<SharedRingControl>();
  const std::unique_ptr<std::byte[]> memory(new std::byte[kFuzzedRingSize]());
  SharedRingConsumer consumer(*control, ByteView(memory.get(), kFuzzedRingSize));
  SharedRingProducer producer(*control, MutableBytes(memory.get(), kFuzzedRingSize));
  const uint64_t base = steps.next<uint64_t>();
  while (steps.has_more()) {
    const auto step = steps.next<uint8_t>();
    switch (step % 8) {
      case 0: control->written.store(steps.next<uint64_t>()); break;
      case 1: control->taken.store(steps.next<uint64_t>()); break;
      case 2: control->written.store(control->written.load() + base % 512 + steps.next<uint8_t>()); break;
      case 3: control->taken.store(control->taken.load() + steps.next<uint8_t>()); break;
      case 4:
        control->consumer_sleeps.store(step / 8 % 2);
        control->producer_sleeps.store(step / 16);
        control->has_ended.store(step / 32);
        break;
      case 5: memory[steps.next<uint8_t>()] = std::byte{step}; break;
      case 6: {
        const size_t size = 1 + steps.next<uint8_t>() * size_t{2};
        const std::unique_ptr<std::byte[]> into(new std::byte[size]);
        const bool had_news = consumer.has_news();
        const std::optional<size_t> taken = consumer.take(MutableBytes(into.get(), size));
        CHECK(!taken || *taken <= std::min(size, kFuzzedRingSize));
        CHECK(had_news || (taken && *taken == 0));
        if (taken) static_cast<void>(consumer.must_wake_producer());
        break;
      }
      default: {
        const size_t size = steps.next<uint8_t>();
        const std::unique_ptr<std::byte[]> from(new std::byte[size]());
        const std::optional<size_t> room = producer.room(size);
        CHECK(!room || *room <= kFuzzedRingSize);
        if (room) producer.append(ByteView(from.get(), std::min(size, *room)));
        static_cast<void>(producer.publish());
      }
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView bytes(reinterpret_cast<const std::byte*>(data), size);
  const Result<SharedMemoryHello> hello = SharedMemoryHello::decode(bytes);
  if (hello.is_ok()) CHECK(SharedMemoryHello::decode(bytes)->encode().size() == bytes.size());
  use_a_ring(Steps(bytes));
  return 0;
}
