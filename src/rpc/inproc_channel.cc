#include "rpc/inproc_channel.h"

namespace aeon::rpc {

Task<Status> InprocChannel::exchange(Exchange& exchange) {
  if (dispatcher_ == nullptr) co_return Status(Code::kUnavailable, "the system was closed; open it again");
  exchange.header.request_id = next_request_id_++;
  exchange.header.acknowledged_below = exchange.header.request_id;
  exchange.header.server_life = dispatcher_->life();
  if (exchange.header.trace_id == 0) {
    exchange.header.trace_id = make_trace_id(dispatcher_->life(), exchange.header.request_id);
  }
  exchange.header.bulk_size = total_size(exchange.bulk.send);
  exchange.header.reply_bulk_room = total_size(exchange.bulk.receive);
  wire::seal_message(exchange.header, exchange.request);
  ServerCall call(exchange.request.view(), exchange.bulk.send, exchange.bulk.receive, exchange.reply);
  co_await dispatcher_->handle(call);
  CO_TRY(wire::open_message(exchange.reply.view()));
  co_return ok();
}

}  // namespace aeon::rpc
