#include "metrics/http_server.h"

#include <algorithm>

#include "base/log.h"
#include "http_request.h"

namespace aeon::metrics {
namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr int kFieldsTooLarge = 431;
// After the answer: how long the peer may take to end the connection, and what it may still send. Ending it ourselves
// at once might take the answer from it, if it sent more than we read.
constexpr Duration kLingerMax = std::chrono::seconds(1);
constexpr size_t kLingerBytesMax = 64 * 1024;

std::string_view reason(int status) {
  switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 413: return "Content Too Large";
    case 431: return "Request Header Fields Too Large";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "Error";
  }
}

HttpPage page_of(int status) {
  HttpPage page;
  page.status = status;
  page.body = std::to_string(status) + " " + std::string(reason(status)) + "\n";
  return page;
}

std::string head_of(const HttpPage& page) {
  std::string head = "HTTP/1.1 " + std::to_string(page.status) + " " + std::string(reason(page.status)) + "\r\n";
  head += "Content-Type: " + page.content_type + "\r\n";
  head += "Content-Length: " + std::to_string(page.body.size()) + "\r\n";
  if (page.status == 405) head += "Allow: GET, HEAD\r\n";
  head += "Cache-Control: no-store\r\nConnection: close\r\n\r\n";
  return head;
}

}  // namespace

struct HttpServer::Connection {
  Connection(Executor& executor, std::unique_ptr<Stream> accepted) : stream(std::move(accepted)), ended(executor) {}

  void end() {
    is_over = true;
    stream->shut();
  }

  std::unique_ptr<Stream> stream;
  Cancellation ended;  // By itself: no clock needs to end it any more.
  bool is_over = false;
};

Result<std::unique_ptr<HttpServer>> HttpServer::listen(World& world, const std::string& address, Options options) {
  if (options.connections_max == 0) return Status(Code::kInvalidArgument, "a server without connections");
  TRY_ASSIGN(std::unique_ptr<Listener> listener, world.network.listen(address));
  std::unique_ptr<HttpServer> server(new HttpServer(world, std::move(listener), options));
  server->gate_.spawn(server->accept_all());
  return server;
}

HttpServer::HttpServer(World& world, std::unique_ptr<Listener> listener, Options options)
    : world_(world),
      listener_(std::move(listener)),
      options_(options),
      making_(world.executor),
      gate_(world.executor),
      stopping_(world.executor) {}

HttpServer::~HttpServer() = default;

Task<void> HttpServer::stop() {
  listener_->shut();
  stopping_.cancel();
  for (Connection* const connection : connections_) connection->end();
  co_await gate_.close();
}

Task<void> HttpServer::accept_all() {
  while (true) {
    Result<std::unique_ptr<Stream>> stream = co_await listener_->accept();
    if (stream.is_ok()) {
      ++counters_.connections;
      gate_.spawn(serve_connection(std::move(*stream)));
    } else if (stream.code() == Code::kUnavailable) {
      co_return;
    } else {
      log::warn("accept_failed", {{"address", address()}, {"status", stream.status()}});
      const bool goes_on = co_await stopping_.sleep_for(std::chrono::milliseconds(100));
      if (!goes_on) co_return;
    }
  }
}

Task<void> HttpServer::serve_connection(std::unique_ptr<Stream> stream) {
  Connection connection(world_.executor, std::move(stream));
  if (stopping_.is_canceled()) co_return;
  if (connections_.size() >= options_.connections_max) {
    ++counters_.evicted;
    connections_.front()->end();
    connections_.pop_front();
  }
  connections_.push_back(&connection);
  Gate clock(world_.executor);
  clock.spawn(end_in_time(&connection));
  co_await answer(&connection, &clock);
  connection.ended.cancel();
  co_await clock.close();
  connections_.remove(&connection);
}

Task<void> HttpServer::end_in_time(Connection* connection) {
  const bool is_late = co_await connection->ended.sleep_for(options_.time_max);
  if (!is_late) co_return;
  ++counters_.timed_out;
  connection->end();
}

Task<void> HttpServer::end_after_answer(Connection* connection) {
  const bool is_late = co_await connection->ended.sleep_for(kLingerMax);
  if (is_late) connection->end();
}

Task<HttpPage> HttpServer::page_for(Connection* connection, std::string path) {
  const Permit turn = co_await making_.lock();
  if (connection->is_over) co_return HttpPage();
  const auto found = pages_.find(path);
  if (found == pages_.end()) co_return page_of(404);
  co_return co_await found->second();
}

Task<void> HttpServer::answer(Connection* connection, Gate* clock) {
  Stream& stream = *connection->stream;
  std::string received;
  size_t end = std::string::npos;
  while (end == std::string::npos && received.size() < options_.request_size_max) {
    const size_t size = received.size();
    received.resize(std::min(options_.request_size_max, size + 1024));
    const MutableBytes into = std::as_writable_bytes(std::span(received)).subspan(size);
    const Result<size_t> read = co_await stream.read(into);
    if (!read.is_ok() || *read == 0) co_return;
    received.resize(size + *read);
    end = received.find(kHeadEnd, size < kHeadEnd.size() ? 0 : size - kHeadEnd.size());
  }
  HttpRequest request;
  request.status = kFieldsTooLarge;
  if (end != std::string::npos) request = parse_http_request(std::string_view(received).substr(0, end));
  HttpPage page = page_of(request.status);
  if (request.status == 200) page = co_await page_for(connection, std::move(request.path));
  if (connection->is_over) co_return;
  const std::string head = head_of(page);
  std::vector<ByteView> pieces(1, as_bytes(head));
  if (!request.is_head && !page.body.empty()) pieces.push_back(as_bytes(page.body));
  const Status written = co_await stream.write(pieces);
  if (!written.is_ok()) co_return;
  ++counters_.answered;
  clock->spawn(end_after_answer(connection));
  size_t ignored = 0;
  while (ignored < kLingerBytesMax) {
    const Result<size_t> read = co_await stream.read(std::as_writable_bytes(std::span(received)));
    if (!read.is_ok() || *read == 0) co_return;
    ignored += *read;
  }
}

}  // namespace aeon::metrics
