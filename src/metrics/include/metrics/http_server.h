// A few read-only pages over HTTP/1.1, for monitoring: /metrics and /healthz.
//
//   auto pages = HttpServer::listen(world, "tcp:127.0.0.1:9464", {});
//   (*pages)->serve("/metrics", metrics_page);
//   …
//   co_await (*pages)->stop();
//
// One request a connection, then it ends. Everything is bounded: how many connections, how long one may last and how
// much a request may be. Who comes when all places are taken gets the place of the connection that is there longest, so
// clients that do nothing, or little by little, keep nobody out. Pages are made one at a time.
// No secrets and no changes: it is for addresses that only trusted hosts reach.
// Threading: one executor.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/cancellation.h"
#include "runtime/gate.h"
#include "runtime/world.h"

namespace aeon::metrics {

struct HttpPage {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

class HttpServer {
 public:
  struct Options {
    uint32_t connections_max = 64;
    size_t request_size_max = 8192;
    Duration time_max = std::chrono::seconds(10);  // Of a connection, from its first byte to our last.
  };
  struct Counters {
    uint64_t connections = 0;
    uint64_t answered = 0;
    uint64_t evicted = 0;  // To make room for another.
    uint64_t timed_out = 0;
  };
  using MakePage = std::function<Task<HttpPage>()>;

  static Result<std::unique_ptr<HttpServer>> listen(World& world, const std::string& address, Options options);
  // After stop(), or as a crash.
  ~HttpServer();

  const std::string& address() const { return listener_->address(); }
  // What `make` needs outlives the server.
  void serve(std::string path, MakePage make) { pages_[std::move(path)] = std::move(make); }
  // Ends all connections; what wasn't answered isn't.
  Task<void> stop();
  const Counters& counters() const { return counters_; }
  size_t connection_count() const { return connections_.size(); }

 private:
  struct Connection;

  HttpServer(World& world, std::unique_ptr<Listener> listener, Options options);
  Task<void> accept_all();
  Task<void> serve_connection(std::unique_ptr<Stream> stream);
  Task<void> end_in_time(Connection* connection);
  Task<void> end_after_answer(Connection* connection);
  Task<void> answer(Connection* connection, Gate* clock);
  Task<HttpPage> page_for(Connection* connection, std::string path);

  World& world_;
  const std::unique_ptr<Listener> listener_;
  const Options options_;
  std::map<std::string, MakePage, std::less<>> pages_;
  Mutex making_;
  Gate gate_;
  Cancellation stopping_;
  std::list<Connection*> connections_;  // In the order they came, without those that must end.
  Counters counters_;
};

}  // namespace aeon::metrics
