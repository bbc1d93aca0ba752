#include "base/data_model.h"

namespace aeon {
namespace {

// Object types of the DAOS 2.x public headers, by number: which of an object's keys are integers.
enum ObjectType : uint8_t {
  kMultiHashed = 0,
  kOidTable = 1,
  kDkeyUint64 = 2,
  kAkeyUint64 = 3,
  kMultiUint64 = 4,
  kDkeyLexical = 5,
  kAkeyLexical = 6,
  kMultiLexical = 7,
  kKvHashed = 8,
  kKvUint64 = 9,
  kKvLexical = 10,
  kArray = 11,
  kArrayAttributes = 12,
  kArrayByte = 13,
  kOidTableV2 = 14,
};

}  // namespace

KeyOrder dkey_order(ObjectId object) {
  switch (object.type()) {
    case kDkeyUint64:
    case kMultiUint64:
    case kKvUint64:
    case kArray:
    case kArrayAttributes:
    case kArrayByte: return KeyOrder::kUint64;
    default: return KeyOrder::kBytes;
  }
}

KeyOrder akey_order(ObjectId object) {
  return object.type() == kAkeyUint64 || object.type() == kMultiUint64 ? KeyOrder::kUint64 : KeyOrder::kBytes;
}

}  // namespace aeon
