// Planted bugs, which prove that the tests would find real ones: MUTATION(name, correct, wrong).
//
// It is `correct`, and nothing else is compiled, except in the preset `mutation`, where the environment variable
// AEON_MUTATION may name the one that is to be wrong. `./dev mutate` names each in turn and wants a test to fail.
#pragma once

#ifdef AEON_MUTATIONS
#include <string_view>
namespace aeon {
bool is_mutated(std::string_view name);
}
#define MUTATION(name, correct, wrong) (::aeon::is_mutated(name) ? (wrong) : (correct))
#else
#define MUTATION(name, correct, wrong) (correct)
#endif
