// Trace ids: one number follows a request from the client's call through the server's log.
//
// Who calls may give one, for several requests that belong together; else the channel makes one for each request. It
// stays the same when a request is sent again.
#pragma once

#include <cstdint>
#include <string>

namespace aeon::rpc {

// From what names a request: a client's random id and its count. Never zero, which stands for none.
constexpr uint64_t make_trace_id(uint64_t client, uint64_t request) {
  uint64_t mixed = client + request * 0x9e3779b97f4a7c15u;  // splitmix64
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
  mixed ^= mixed >> 31;
  return mixed != 0 ? mixed : 1;
}

// As log lines and messages have it: 16 digits.
std::string trace_text(uint64_t trace_id);

}  // namespace aeon::rpc
