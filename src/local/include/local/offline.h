// A local system's files, for tools that look at them without running the system. Nothing is written.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/status.h"
#include "base/units.h"

namespace aeon::local {

class OfflineSystem {
 public:
  struct Target {
    std::string path;
    Uuid store;               // Nil if the file `system` couldn't be read.
    ByteCount capacity = 0;   // How far the file may grow.
    std::vector<std::string> devices;  // Where they should be; empty: all is in the file `path`.
  };

  // While it lives nobody can open the system for work, unless somebody has it open already: see holder(). kNotFound if
  // the directory holds no system. Blocking.
  static Result<std::unique_ptr<OfflineSystem>> open(const std::string& directory);
  virtual ~OfflineSystem() = default;

  // Who has it open for work now, so that its files change while they are looked at.
  virtual const std::optional<std::string>& holder() const = 0;
  // Why the file `system` can't be read; its targets are then those at the usual places.
  virtual const Status& description() const = 0;
  virtual std::string name() const = 0;
  virtual std::string pool_label() const = 0;
  virtual Uuid pool() const = 0;
  // By index; at least one. One whose file is missing is among them.
  virtual const std::vector<Target>& targets() const = 0;
};

}  // namespace aeon::local
