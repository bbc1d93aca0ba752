// runtime_bench: the null round trip of a synchronous embedded call, and its parts. Prints JSON.
#include <chrono>
#include <cstdio>

#include "runtime/reactor.h"

namespace {

using Clock = std::chrono::steady_clock;

aeon::Task<int> null_call(int value) { co_return value; }

template <typename Body>
double ns_each(int count, Body&& body) {
  double best = 1e18;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const auto start = Clock::now();
    for (int i = 0; i < count; ++i) body(i);
    const double ns = std::chrono::duration<double, std::nano>(Clock::now() - start).count() / count;
    if (ns < best) best = ns;
  }
  return best;
}

}  // namespace

int main() {
  aeon::Reactor reactor;
  long sum = 0;
  const double call_ns = ns_each(1'000'000, [&](int i) { sum += reactor.run(null_call(i)); });
  std::printf("{\"bench\":\"runtime\",\"null_reactor_call_ns\":%.1f,\"check\":%ld}\n", call_ns, sum & 1);
  return 0;
}
