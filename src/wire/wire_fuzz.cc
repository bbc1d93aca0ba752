// Any bytes as any message: the first byte chooses which. What decodes must encode to what was read.
#include <cstdlib>

#include "sample_archive.h"

using namespace aeon;
using namespace aeon::wire;

namespace {

template <typename Message>
void try_decode(ByteView bytes) {
  Message message;
  if (!decode(bytes, kProtocolVersion, message).is_ok()) return;
  Buffer again;
  encode(message, kProtocolVersion, again);
  if (!equal_bytes(again.view(), bytes)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView input = std::as_bytes(std::span(data, size));
  ignore(open_message(input).status(), "only that it says something");
  if (input.empty()) return 0;
  const auto chosen = static_cast<unsigned>(input[0]);
  unsigned at = 0;
  for_each_request([&]<typename Request>() {
    if (chosen == at++) try_decode<Request>(input.subspan(1));
    if (chosen == at++) try_decode<typename Request::Reply>(input.subspan(1));
    // A valid encoding with the input laid over its end, so that nested fields are reached without a corpus.
    if (chosen == 255) {
      Buffer buffer;
      encode(sample<Request>(size), kProtocolVersion, buffer);
      const size_t covered = std::min(buffer.size(), input.size() - 1);
      std::memcpy(buffer.data() + (buffer.size() - covered), input.data() + 1, covered);
      try_decode<Request>(buffer.view());
    }
  });
  return 0;
}
