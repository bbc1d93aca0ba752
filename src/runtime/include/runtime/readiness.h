// Waits until a descriptor that another library owns can be read, such as the one by which it says that it has news.
//
// Threading: only from what runs on the reactor.
#pragma once

#include "runtime/reactor.h"

namespace aeon {

class Readiness {
 public:
  class Listener {
   public:
    // Once for each arm(); perhaps without cause. Called by the reactor's loop, from no other call.
    virtual void on_ready() = 0;

   protected:
    ~Listener() = default;
  };

  // The descriptor stays open as long as this is there.
  Readiness(Reactor& reactor, int descriptor, Listener& listener);
  ~Readiness();
  Readiness(const Readiness&) = delete;
  Readiness& operator=(const Readiness&) = delete;

  // From now on until it can be read; repeating it is harmless.
  void arm();

 private:
  class Request;
  Request* const request_;  // Stays until the kernel is done with it.
};

}  // namespace aeon
