// Checks of what only a bug of ours can break. Bytes from a disk, a peer or a user are never CHECKed.
#pragma once

namespace aeon {

// Prints the place and the condition with a stack hint and aborts.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace aeon

#define CHECK(condition)                                    \
  do {                                                      \
    if (!(condition)) [[unlikely]]                          \
      ::aeon::check_failed(#condition, __FILE__, __LINE__); \
  } while (false)

#ifdef NDEBUG
#define DCHECK(condition)        \
  do {                           \
    if (false && (condition)) {} \
  } while (false)
#else
#define DCHECK(condition) CHECK(condition)
#endif
