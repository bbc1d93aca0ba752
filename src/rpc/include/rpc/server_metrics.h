// What servers tell of their requests and connections, as metrics and as a StatusReply has it.
#pragma once

#include "metrics/collection.h"
#include "rpc/dispatcher.h"
#include "rpc/network_server.h"

namespace aeon::rpc {

// `labels` say whose requests they are: a target's, a pool's. With the kinds of requests there were, at most as many as
// there are opcodes, and codes.
void collect(const Dispatcher& dispatcher, const metrics::Labels& labels, metrics::Collection& into);
void collect(const NetworkServer& server, const metrics::Labels& labels, metrics::Collection& into);

// By opcode; only those that there were.
std::vector<wire::OperationStatus> operations_of(const Dispatcher& dispatcher);

}  // namespace aeon::rpc
