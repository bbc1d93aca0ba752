// Last words: printed to standard error should the process end by abort() or by a sanitizer while this lives.
#pragma once

#include <string>

namespace aeon {

class RunInProgress {
 public:
  // One at a time.
  explicit RunInProgress(std::string last_words);
  RunInProgress(const RunInProgress&) = delete;
  RunInProgress& operator=(const RunInProgress&) = delete;
  ~RunInProgress();
};

}  // namespace aeon
