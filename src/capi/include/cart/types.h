// Programs include this header for d_rank_t and its relatives, which are in gurt/types.h.
#ifndef AEON_CART_TYPES_H
#define AEON_CART_TYPES_H

#include <gurt/types.h>

#endif
