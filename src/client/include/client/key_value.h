// A flat key-value store in one object (DAOS's KV API): each key is a dkey with one single value.
#pragma once

#include <memory>
#include <string>

#include "client/client.h"

namespace aeon::client {

class KeyValue {
 public:
  KeyValue(std::shared_ptr<Container> container, ObjectId object, Epoch epoch = kEpochMax)
      : container_(std::move(container)), object_(object), epoch_(epoch) {}

  // `conditions`: kDkeyInsert (kExists if it's there), kDkeyUpdate (kNotFound if it isn't).
  Task<Status> put(std::string key, ByteView value, uint32_t conditions = 0);
  // The value's size; as much of it as fits is in `out`. kNotFound; kTooBig (nothing copied) if it doesn't fit and
  // `out` isn't empty.
  Task<Result<ByteCount>> get(std::string key, MutableBytes out);
  Task<Result<Bytes>> get(std::string key);
  Task<Status> remove(std::string key, uint32_t conditions = 0);
  Task<Result<KeyPage>> list(Anchor from, ListLimits limits = {});
  // Punches the object.
  Task<Status> destroy();

 private:
  std::shared_ptr<Container> container_;
  ObjectId object_;
  Epoch epoch_;
};

}  // namespace aeon::client
