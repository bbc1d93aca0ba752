// The cases of target_ops: each makes its own store and prints a line or several.
#pragma once

#include "target.h"

namespace aeon::bench {

// value_cases.cc: single values.
void small_puts(const Run& run);
void small_gets(const Run& run);
void large_index(const Run& run);
void memory_file(const Run& run);

// extent_cases.cc: pieces of files.
void random_4k(const Run& run);
void random_4k_of_64k(const Run& run);
void sequential_1m(const Run& run);
void history(const Run& run);
void write_volume(const Run& run);

// container_cases.cc: what concerns a whole container or store.
void listing(const Run& run);
void snapshots(const Run& run);
void opening(const Run& run);

// What some cases run in a process of their own (Child), to be killed or to leave its memory behind.
void fill_large_index(const Run& run);
void fill_until_killed(const Run& run);

}  // namespace aeon::bench
