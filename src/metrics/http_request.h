// The beginning of an HTTP/1.x request: what is asked for. Anything may come in.
#pragma once

#include <string>
#include <string_view>

namespace aeon::metrics {

struct HttpRequest {
  int status = 200;  // Else what it is to be answered with, because it isn't a request that we serve.
  bool is_head = false;  // Only the header of the answer is wanted.
  std::string path;  // Without the query.
};

// `head` is all before the empty line that ends it. Requests other than GET and HEAD are refused, as are bodies:
// whoever asks for metrics has none.
HttpRequest parse_http_request(std::string_view head);

}  // namespace aeon::metrics
