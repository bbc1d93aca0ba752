// The whole of libdfs: see dfs_names.h.
#include "dfs_names.h"

#if defined(__x86_64__)
#define AEON_GO_ON_TO(name) "endbr64\n\tjmp aeon_" name "@PLT"
#elif defined(__aarch64__)
#define AEON_GO_ON_TO(name) "bti c\n\tb aeon_" name
#else
#error "say how this processor jumps to another function"
#endif

#define AEON_DOOR(name) \
  __asm__(".pushsection .text\n"          \
          "\t.globl " #name "\n"          \
          "\t.type " #name ", %function\n" \
          #name ":\n\t" AEON_GO_ON_TO(#name) "\n" \
          "\t.size " #name ", .-" #name "\n" \
          "\t.popsection\n");

AEON_FOREACH_DFS_FUNCTION(AEON_DOOR)
