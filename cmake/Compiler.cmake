# Flags that every target gets. Warnings are errors; what is off is off by name, with its reason.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)  # Every module may end up in libdaos.so.
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

foreach(language C CXX)
  set(CMAKE_${language}_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
  set(CMAKE_${language}_FLAGS_DEBUG "-O1 -g1 -D_GLIBCXX_ASSERTIONS")
endforeach()

if(NOT AEON_UNITY)  # To see whether each source compiles alone, not to be run.
  set(CMAKE_CXX_FLAGS_DEBUG "-O0")
endif()

add_compile_options(
  -Wall -Wextra -Werror
  -Wshadow -Wundef -Wcast-align -Wvla
  $<$<COMPILE_LANGUAGE:CXX>:-Woverloaded-virtual>
  -Wno-missing-field-initializers        # {.index = 0} leaves the rest at its default, on purpose.
  -fno-omit-frame-pointer
  -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(
    -fno-semantic-interposition
    # Before GCC 14 it takes a value from the wrong turn of a loop that has several entries, which a coroutine's loop
    # around co_await has (GCC bug 111387). The test: Task.AValueHandedFromTurnToTurnStaysWhole.
    $<$<CONFIG:Release>:-fno-tree-slp-vectorize>
    # GCC 12 sees these in coroutine frames and in inlined std::string and std::vector where there are none.
    -Wno-maybe-uninitialized -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread
    -Wno-restrict -Wno-dangling-pointer -Wno-use-after-free -Wno-free-nonheap-object
    $<$<COMPILE_LANGUAGE:CXX>:-Wno-mismatched-new-delete>
    $<$<COMPILE_LANGUAGE:CXX>:-Wno-subobject-linkage>    # Fires on anonymous namespaces in unity batches.
    $<$<COMPILE_LANGUAGE:CXX>:-Wno-interference-size>)
else()
  add_compile_options(-Wno-unknown-warning-option -Wno-gnu-line-marker)
endif()

if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  add_compile_options(-march=x86-64-v2)  # The libraries that gain from more choose at run time.
endif()

add_link_options(-Wl,--as-needed)

if(AEON_SANITIZE)
  add_compile_definitions(AEON_SANITIZED)
  add_compile_options(-fsanitize=${AEON_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${AEON_SANITIZE})
  if(AEON_SANITIZE MATCHES "undefined")
    # It looks whether it may read the object by making a pipe, so a program without descriptors fails for no fault.
    add_compile_options(-fno-sanitize=vptr)
  endif()
endif()
if(AEON_MUTATIONS)
  add_compile_definitions(AEON_MUTATIONS)
endif()
if(AEON_COVERAGE)
  add_compile_options(--coverage -fprofile-update=atomic)
  add_link_options(--coverage)
endif()

# A build works without these; with them it is faster.
find_program(AEON_CCACHE ccache)
if(AEON_CCACHE)
  # One cache serves every checkout: paths below this one are hashed relative to it.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${AEON_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()
find_program(AEON_MOLD mold)
find_program(AEON_LLD NAMES ld.lld)
if(AEON_MOLD)
  add_link_options(-fuse-ld=mold)
elseif(AEON_LLD)
  add_link_options(-fuse-ld=lld)
endif()
