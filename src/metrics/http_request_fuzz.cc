// Anything as the beginning of an HTTP request. What is accepted has a path, and asks for the same without its query.
#include <cstdlib>

#include "base/bytes.h"
#include "http_request.h"

using namespace aeon;
using namespace aeon::metrics;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view head = as_text(std::as_bytes(std::span(data, size)));
  const HttpRequest request = parse_http_request(head);
  if (request.status != 200) {
    if (!request.path.empty()) std::abort();
    return 0;
  }
  if (request.path.empty() || request.path[0] != '/') std::abort();
  const HttpRequest again = parse_http_request("GET " + request.path + " HTTP/1.1\r\nHost: a");
  if (again.status != 200 || again.path != request.path) std::abort();
  return 0;
}
