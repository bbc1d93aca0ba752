#include "runtime/elsewhere.h"

namespace aeon {

ReactorThread::ReactorThread(Reactor& reactor)
    : reactor_(reactor), changed_(reactor), thread_([this] { reactor_.run(wait()); }) {}

ReactorThread::~ReactorThread() {
  reactor_.run(stop());
  thread_.join();
}

Task<void> ReactorThread::wait() {
  while (!is_stopping_) co_await changed_.wait();
}

Task<void> ReactorThread::stop() {
  is_stopping_ = true;
  changed_.notify_all();
  co_return;
}

}  // namespace aeon
