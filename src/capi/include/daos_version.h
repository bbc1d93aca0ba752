// The version of the DAOS interface that these headers offer.
#ifndef AEON_DAOS_VERSION_H
#define AEON_DAOS_VERSION_H

// Of the API: a new major number breaks programs, a new minor one adds to it.
#define DAOS_API_VERSION_MAJOR 2
#define DAOS_API_VERSION_MINOR 8
#define DAOS_API_VERSION_FIX 0

// Of the DAOS release whose headers these are source-compatible with.
#define DAOS_VERSION_MAJOR 2
#define DAOS_VERSION_MINOR 8
#define DAOS_VERSION_FIX 0

#endif
