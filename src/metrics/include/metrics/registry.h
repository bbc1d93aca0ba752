// Everything in a process that has something to tell, and the question to all of them.
//
// Nothing is registered metric by metric and nothing is updated for the registry: who counts keeps plain numbers of its
// own, and writes them down when it is asked.
// Threading: one executor. Sources on another one go there themselves, in collect().
#pragma once

#include <string>
#include <vector>

#include "metrics/collection.h"
#include "runtime/task.h"

namespace aeon::metrics {

class Source {
 public:
  virtual ~Source() = default;
  // `into` stays until the task has ended.
  virtual Task<void> collect(Collection& into) = 0;
};

class Registry {
 public:
  // `source` outlives the registry's use.
  void add(Source& source) { sources_.push_back(&source); }
  // Asks all, one after the other, and returns the answer as text.
  Task<std::string> text();

 private:
  std::vector<Source*> sources_;
};

}  // namespace aeon::metrics
