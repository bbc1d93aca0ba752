// One run of one verb: what the user gave, where answers go, and the system it works on.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "cli/output.h"
#include "cli/program.h"
#include "client/client.h"

namespace aeon::cli {

struct GivenValues {
  std::map<std::string, std::string, std::less<>> arguments;  // By Argument::name; only those that were given.
  std::map<std::string, std::string, std::less<>> options;    // By Option::name; a switch has an empty value.
};

enum class IfMissing { kFail, kCreate };

class Invocation {
 public:
  Invocation(const Program& program, const Verb& verb, GivenValues given, Output& output)
      : program_(program), verb_(verb), given_(std::move(given)), output_(output) {}

  const Program& program() const { return program_; }
  const Verb& verb() const { return verb_; }
  Output& output() { return output_; }

  bool has(std::string_view name) const;                // An argument or option was given.
  std::string text(std::string_view name) const;        // Its value, or empty.
  std::vector<std::string> texts(std::string_view name) const;  // Of an option that may be given several times.
  Result<uint64_t> number(std::string_view name) const; // Decimal, or hexadecimal after 0x.

  // The system that --local or AEON_SYSTEM names, opened on first use.
  Result<client::System*> system(IfMissing if_missing = IfMissing::kFail);
  Result<std::shared_ptr<client::Pool>> pool(client::Access access, IfMissing if_missing = IfMissing::kFail);
  // Of the arguments POOL and CONTAINER.
  Result<std::shared_ptr<client::Container>> container(client::Access access);
  Result<std::shared_ptr<client::Container>> container(const std::string& pool, const std::string& container,
                                                       client::Access access, IfMissing if_missing = IfMissing::kFail);
  // What --snap or --epoch names; kEpochMax if neither was given. Both at once are an error.
  Result<Epoch> read_epoch(client::Container& container);

  // Only after system() succeeded.
  template <typename T>
  T run(Task<T> task) {
    return system_->run(std::move(task));
  }

  // Whether the system was asked for anything; before that, only the command line can be wrong.
  bool has_used_system() const { return has_used_system_; }
  // For verbs that look at its files themselves.
  void note_system_use() { has_used_system_ = true; }

  // Flushes this container when the verb has ended; done for those that container() opened for writing.
  void flush_at_end(std::shared_ptr<client::Container> container) { written_.push_back(std::move(container)); }

  // Lets go of the system. What was written is durable when it succeeds.
  Status close();

 private:
  const Program& program_;
  const Verb& verb_;
  GivenValues given_;
  Output& output_;
  std::shared_ptr<client::System> system_;
  std::vector<std::shared_ptr<client::Container>> written_;
  bool has_used_system_ = false;
};

// The one that `name` or `epoch` (either may be unset) says, among a container's snapshots.
Result<client::SnapshotInfo> find_snapshot(Invocation& invocation, client::Container& container,
                                           const std::optional<std::string>& name, std::optional<Epoch> epoch);

}  // namespace aeon::cli
