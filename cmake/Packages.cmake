# Outside libraries, as imported targets. `./dev deps` installs them; packages/debian.txt lists them.

function(_aeon_require found what package)
  if(NOT ${found})
    message(FATAL_ERROR "${what} was not found. Install it with ./dev deps (Debian package ${package}).")
  endif()
endfunction()

# _aeon_pkg_config(<name> <pkg-config module> <Debian package>) → PkgConfig::<NAME>, alias aeon::ext_<name>
function(_aeon_pkg_config name module package)
  string(TOUPPER ${name} upper)
  pkg_check_modules(${upper} QUIET IMPORTED_TARGET GLOBAL ${module})
  _aeon_require(${upper}_FOUND ${module} ${package})
  add_library(aeon::ext_${name} ALIAS PkgConfig::${upper})
endfunction()

# _aeon_package(<CMake package> <Debian package>)
macro(_aeon_package package debian)
  find_package(${package} QUIET CONFIG)
  _aeon_require(${package}_FOUND ${package} ${debian})
endmacro()

find_package(PkgConfig QUIET)
_aeon_require(PKG_CONFIG_FOUND pkg-config pkg-config)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

_aeon_pkg_config(uring liburing liburing-dev)
_aeon_pkg_config(blkid blkid libblkid-dev)
_aeon_pkg_config(isal libisal libisal-dev)
_aeon_pkg_config(uuid uuid uuid-dev)
_aeon_package(absl libabsl-dev)
_aeon_package(fmt libfmt-dev)
_aeon_package(nlohmann_json nlohmann-json3-dev)
_aeon_package(CLI11 libcli11-dev)
_aeon_package(GTest libgtest-dev)
_aeon_package(rapidcheck librapidcheck-dev)
_aeon_package(benchmark libbenchmark-dev)

# Only a peer to measure against, so only benches may use it, and they must do without.
find_package(RocksDB QUIET CONFIG)
if(RocksDB_FOUND)
  add_library(aeon_ext_rocksdb INTERFACE)
  target_link_libraries(aeon_ext_rocksdb INTERFACE RocksDB::rocksdb-shared)
  add_library(aeon::ext_rocksdb ALIAS aeon_ext_rocksdb)
endif()
