// Container properties: which there are (DAOS's public ids), what they may be, and what they are by default.
#pragma once

#include "base/status.h"
#include "wire/messages.h"

namespace aeon::container {

inline constexpr uint32_t kPropLabel = 0x1001;
inline constexpr uint32_t kPropLayoutType = 0x1002;
inline constexpr uint32_t kPropSnapshotMax = 0x1009;
inline constexpr uint32_t kPropAllocatedNumber = 0x1013;
inline constexpr uint32_t kPropDurability = 0x1f01;
inline constexpr uint32_t kPropEpochs = 0x1f02;

// What a container has unless its creator says otherwise.
wire::Properties default_properties();

// kInvalidArgument names the property that is unknown, has a value it can't have, or can't be changed later.
Status check_new(const wire::Properties& properties);
Status check_changed(const wire::Properties& properties);

// The number of a property that is one; 0 if it isn't there.
uint64_t number_of(const wire::Properties& properties, uint32_t id);
std::string text_of(const wire::Properties& properties, uint32_t id);

}  // namespace aeon::container
