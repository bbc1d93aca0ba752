// rpc_bench: a null call over the in-process channel, on the reactor already. Prints JSON.
#include <chrono>
#include <cstdio>

#include "echo_service.h"
#include "rpc/inproc_channel.h"
#include "runtime/reactor.h"

namespace {

using namespace aeon;
using Clock = std::chrono::steady_clock;

Task<double> measure(rpc::Channel* channel, int count) {
  double best_ns = 1e18;
  for (int repeat = 0; repeat < 7; ++repeat) {
    const auto start = Clock::now();
    for (int i = 0; i < count; ++i) {
      wire::PoolQueryRequest request;
      request.handle = 1;
      const auto reply = co_await rpc::call(*channel, request);
      CHECK(reply.is_ok());
    }
    const double ns = std::chrono::duration<double, std::nano>(Clock::now() - start).count() / count;
    best_ns = std::min(best_ns, ns);
  }
  co_return best_ns;
}

}  // namespace

int main() {
  Reactor reactor;
  rpc::EchoService service(reactor);
  rpc::Dispatcher dispatcher(reactor, 1, {});
  service.add_to(dispatcher);
  rpc::InprocChannel channel(reactor, dispatcher);
  std::printf("{\"bench\":\"rpc\",\"null_call_ns\":%.1f}\n", reactor.run(measure(&channel, 200'000)));
  return 0;
}
