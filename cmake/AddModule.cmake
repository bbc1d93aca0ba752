# add_module: a module is a folder, a static library `aeon_<name>` (alias aeon::<name>) and a namespace.
#
#   add_module(vos
#     PUBLIC_HEADERS  include/vos/store.h          # all below include/; each is compiled alone
#     SOURCES         store.cc extent_tree.cc
#     TESTS           store_test.cc                # one executable vos_test (GoogleTest's main)
#     SLOW_TESTS      store_crash_test.cc          # vos_slow_test, labelled slow: not in `./dev test`
#     FUZZ            record_fuzz.cc               # record_fuzz; corpus in testdata/fuzz/record/
#     BENCH           store_bench.cc               # store_bench, built by `./dev bench`
#     DEPENDS         base runtime                 # modules that appear in our public headers
#     PRIVATE_DEPENDS media                        # modules only our sources use
#     TEST_DEPENDS    sim                          # modules only tests, fuzz targets and benches use
#     LIBS            fmt::fmt                     # outside libraries, likewise
#     PRIVATE_LIBS    aeon::ext_isal
#     TEST_LIBS       …
#     EXPORTED)                                    # symbols stay visible, for add_c_library
#
# A module without SOURCES is headers only. Tests find their files below the macro
# AEON_TESTDATA_DIR, the module's testdata/.
#
# add_program(<name> MODULE <module> SOURCES … DEPENDS … LIBS …): an executable in bin/, installed. Its
#   target is program_<name>, since modules, programs and libraries may share a name.
# add_c_library(<name> MODULE <module> SOURCES … DEPENDS … WHOLE … LIBS … EXPORTS <version script>
#   VERSION … SOVERSION … HEADERS_FROM <folder>): the shared library lib/lib<name>.so, installed with its
#   headers; its target is lib<name>. The archives of the modules in WHOLE go in whole.
# add_gtest(<name> SOURCES … DEPENDS … LIBS … [SLOW]): a test executable outside a module, for tests/.
# add_python_test(<name> SCRIPT … PROGRAMS … OPTIONS … [SLOW]): runs a Python script with the paths of the programs.
# add_bench_program(<name> SOURCES … DEPENDS … LIBS …): an executable in bench/, for scripts tools/bench_*.

include(${CMAKE_CURRENT_LIST_DIR}/layers.cmake)

set(AEON_LINK_MAIN ${CMAKE_BINARY_DIR}/link_main.cc)
file(CONFIGURE OUTPUT ${AEON_LINK_MAIN} CONTENT "int main() { return 0; }\n")
set(AEON_FUZZ_REPLAY_MAIN ${CMAKE_CURRENT_LIST_DIR}/fuzz_replay_main.cc)

add_custom_target(link_modules COMMENT "Linked every module whole against what it declares")
add_custom_target(fuzz_targets)
add_custom_target(benches)
add_custom_target(programs)

# `service/pool` and `service_pool` both name the module.
function(_aeon_module_names out)
  set(names "")
  foreach(name IN LISTS ARGN)
    string(REPLACE "/" "_" name "${name}")
    list(APPEND names ${name})
  endforeach()
  set(${out} "${names}" PARENT_SCOPE)
endfunction()

function(_aeon_module_targets out)
  _aeon_module_names(names ${ARGN})
  list(TRANSFORM names PREPEND aeon_)
  set(${out} "${names}" PARENT_SCOPE)
endfunction()

# Layers, and that the modules exist: they were added before us, in layer order.
function(_aeon_require_depends module)
  require_allowed_by_layers(${module} ${ARGN})
  foreach(depend IN LISTS ARGN)
    if(NOT TARGET aeon_${depend})
      message(FATAL_ERROR "module '${module}' depends on '${depend}', but src/${AEON_FOLDER_${depend}} "
                          "has no CMakeLists.txt with add_module(${depend} …)")
    endif()
  endforeach()
endfunction()

# Tests may also use modules that come later, so these are only known by name here.
function(_aeon_require_known what)
  foreach(depend IN LISTS ARGN)
    if(NOT depend IN_LIST AEON_LAYERS)
      message(FATAL_ERROR "${what} uses module '${depend}', which cmake/layers.cmake doesn't know")
    endif()
  endforeach()
endfunction()

function(_aeon_require_no_rest what)
  if(ARGN)
    message(FATAL_ERROR "${what}: unknown arguments: ${ARGN}")
  endif()
endfunction()

function(_aeon_gtest target folder slow)
  cmake_parse_arguments(PARSE_ARGV 3 T "" "" "SOURCES;LINK")
  add_executable(${target} ${T_SOURCES})
  target_link_libraries(${target} PRIVATE ${T_LINK} rapidcheck GTest::gmock GTest::gtest_main)
  target_compile_definitions(${target} PRIVATE AEON_TESTDATA_DIR="${folder}/testdata")
  target_compile_options(${target} PRIVATE ${AEON_TEST_FLAGS})
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${target} COMMAND ${target} --gtest_brief=1)
  _aeon_test_properties(${target} ${slow})
endfunction()

# These begin first, so that none of them is left alone at the end.
set(AEON_LONG_TESTS vos_test sim_test daos_engines_test daos_serving_test media_test engine_process_test)

function(_aeon_test_properties test slow)
  if(test IN_LIST AEON_LONG_TESTS)
    set_tests_properties(${test} PROPERTIES COST 100)
  endif()
  if(slow)
    set_tests_properties(${test} PROPERTIES LABELS slow TIMEOUT ${AEON_SLOW_TEST_TIMEOUT_S})
  else()
    set_tests_properties(${test} PROPERTIES LABELS fast TIMEOUT ${AEON_TEST_TIMEOUT_S})
  endif()
  set_tests_properties(${test} PROPERTIES ENVIRONMENT
    "ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1:quarantine_size_mb=64:malloc_context_size=12;UBSAN_OPTIONS=print_stacktrace=1;TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:die_after_fork=0")
endfunction()

# With AEON_FUZZ a real libFuzzer target; otherwise a test that replays the corpus and a fixed
# number of seeded mutations of it, so that every compiler and sanitizer sees those inputs too.
function(_aeon_fuzz module source)
  cmake_parse_arguments(PARSE_ARGV 2 F "" "" "LINK")
  get_filename_component(target ${source} NAME_WE)
  if(NOT target MATCHES "_fuzz$")
    message(FATAL_ERROR "module '${module}': FUZZ source ${source} must be named <name>_fuzz.cc")
  endif()
  string(REGEX REPLACE "_fuzz$" "" name ${target})
  set(corpus ${CMAKE_CURRENT_SOURCE_DIR}/testdata/fuzz/${name})
  if(AEON_FUZZ)
    add_executable(${target} ${source})
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    file(APPEND ${CMAKE_BINARY_DIR}/fuzz_targets.txt "${target} ${corpus}\n")
  else()
    add_executable(${target} ${source} ${AEON_FUZZ_REPLAY_MAIN})
    if(NOT IS_DIRECTORY ${corpus})
      set(corpus "")
    endif()
    add_test(NAME ${target} COMMAND ${target} ${corpus})
    _aeon_test_properties(${target} FALSE)
  endif()
  target_link_libraries(${target} PRIVATE ${F_LINK})
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  add_dependencies(fuzz_targets ${target})
endfunction()

function(_aeon_bench source)
  cmake_parse_arguments(PARSE_ARGV 1 B "" "" "LINK")
  get_filename_component(target ${source} NAME_WE)
  add_executable(${target} EXCLUDE_FROM_ALL ${source})
  target_link_libraries(${target} PRIVATE ${B_LINK} benchmark::benchmark)
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
  add_dependencies(benches ${target})
endfunction()

# An executable with all of the module in it and, beside it, only what it declared: an undefined
# symbol is a dependency that its CMakeLists.txt doesn't name.
function(_aeon_link_whole module)
  add_executable(link_${module} EXCLUDE_FROM_ALL ${AEON_LINK_MAIN})
  target_link_libraries(link_${module} PRIVATE "$<LINK_LIBRARY:WHOLE_ARCHIVE,aeon_${module}>")
  set_target_properties(link_${module} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/link)
  add_dependencies(link_modules link_${module})
endfunction()

function(add_module name)
  cmake_parse_arguments(PARSE_ARGV 1 M "EXPORTED" ""
    "PUBLIC_HEADERS;SOURCES;TESTS;SLOW_TESTS;FUZZ;BENCH;DEPENDS;PRIVATE_DEPENDS;TEST_DEPENDS;LIBS;PRIVATE_LIBS;TEST_LIBS")
  _aeon_module_names(module ${name})
  _aeon_require_no_rest("add_module(${module})" ${M_UNPARSED_ARGUMENTS})
  if(NOT module IN_LIST AEON_LAYERS)
    require_allowed_by_layers(${module})
  endif()
  if(NOT CMAKE_CURRENT_SOURCE_DIR STREQUAL "${AEON_SOURCE_ROOT}/${AEON_FOLDER_${module}}")
    message(FATAL_ERROR "module '${module}' belongs in ${AEON_SOURCE_ROOT}/${AEON_FOLDER_${module}}, not in ${CMAKE_CURRENT_SOURCE_DIR}")
  endif()
  _aeon_module_names(public_depends ${M_DEPENDS})
  _aeon_module_names(private_depends ${M_PRIVATE_DEPENDS})
  _aeon_module_names(test_depends ${M_TEST_DEPENDS})
  _aeon_require_depends(${module} ${public_depends} ${private_depends})
  _aeon_require_known("a test of module '${module}'" ${test_depends})
  _aeon_module_targets(public_targets ${public_depends})
  _aeon_module_targets(private_targets ${private_depends})
  _aeon_module_targets(test_targets ${test_depends})

  set(target aeon_${module})
  set(public PUBLIC)
  if(M_SOURCES)
    add_library(${target} STATIC ${M_SOURCES})
    target_link_libraries(${target} PUBLIC ${public_targets} ${M_LIBS} PRIVATE ${private_targets} ${M_PRIVATE_LIBS})
    set_target_properties(${target} PROPERTIES UNITY_BUILD ${AEON_UNITY} UNITY_BUILD_BATCH_SIZE 8)
    if(AEON_FUZZ)  # What has run guides the fuzzer.
      target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
    endif()
    if(M_EXPORTED)
      set_target_properties(${target} PROPERTIES C_VISIBILITY_PRESET default CXX_VISIBILITY_PRESET default)
    endif()
    _aeon_link_whole(${module})
  elseif(private_depends OR M_PRIVATE_LIBS)
    message(FATAL_ERROR "module '${module}' has only headers, so PRIVATE_DEPENDS and PRIVATE_LIBS mean nothing")
  else()
    set(public INTERFACE)
    add_library(${target} INTERFACE)
    target_link_libraries(${target} INTERFACE ${public_targets} ${M_LIBS})
  endif()
  add_library(aeon::${module} ALIAS ${target})
  if(M_PUBLIC_HEADERS)
    target_sources(${target} ${public} FILE_SET HEADERS BASE_DIRS include FILES ${M_PUBLIC_HEADERS})
    set_target_properties(${target} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  endif()

  set(test_link ${target} ${private_targets} ${M_PRIVATE_LIBS} ${test_targets} ${M_TEST_LIBS})
  if(AEON_TESTS AND M_TESTS)
    _aeon_gtest(${module}_test ${CMAKE_CURRENT_SOURCE_DIR} FALSE SOURCES ${M_TESTS} LINK ${test_link})
  endif()
  if(AEON_TESTS AND M_SLOW_TESTS)
    _aeon_gtest(${module}_slow_test ${CMAKE_CURRENT_SOURCE_DIR} TRUE SOURCES ${M_SLOW_TESTS} LINK ${test_link})
  endif()
  # The glob makes a build notice a new corpus; one without its target would never be read.
  file(GLOB corpora RELATIVE ${CMAKE_CURRENT_SOURCE_DIR}/testdata/fuzz CONFIGURE_DEPENDS testdata/fuzz/*)
  foreach(corpus IN LISTS corpora)
    if(NOT "${corpus}_fuzz.cc" IN_LIST M_FUZZ)
      message(FATAL_ERROR "module '${module}': testdata/fuzz/${corpus} has no target; FUZZ should name ${corpus}_fuzz.cc")
    endif()
  endforeach()
  foreach(source IN LISTS M_FUZZ)
    _aeon_fuzz(${module} ${source} LINK ${test_link})
  endforeach()
  foreach(source IN LISTS M_BENCH)
    _aeon_bench(${source} LINK ${test_link})
  endforeach()
endfunction()

function(add_program name)
  cmake_parse_arguments(PARSE_ARGV 1 P "" "MODULE" "SOURCES;DEPENDS;LIBS")
  _aeon_require_no_rest("add_program(${name})" ${P_UNPARSED_ARGUMENTS})
  _aeon_module_names(module ${P_MODULE})
  _aeon_module_names(depends ${P_DEPENDS})
  set(others ${depends})
  list(REMOVE_ITEM others ${module})
  _aeon_require_depends(${module} ${others})
  _aeon_module_targets(targets ${depends})
  set(target program_${name})
  add_executable(${target} ${P_SOURCES})
  target_link_libraries(${target} PRIVATE ${targets} ${P_LIBS})
  set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  add_dependencies(programs ${target})
  install(TARGETS ${target} RUNTIME)
endfunction()

function(add_c_library name)
  cmake_parse_arguments(PARSE_ARGV 1 C "" "MODULE;EXPORTS;VERSION;SOVERSION;HEADERS_FROM" "SOURCES;DEPENDS;WHOLE;LIBS")
  _aeon_require_no_rest("add_c_library(${name})" ${C_UNPARSED_ARGUMENTS})
  _aeon_module_names(module ${C_MODULE})
  _aeon_module_names(depends ${C_DEPENDS} ${C_WHOLE})
  set(others ${depends})
  list(REMOVE_ITEM others ${module})
  _aeon_require_depends(${module} ${others})
  _aeon_module_targets(targets ${C_DEPENDS})
  _aeon_module_targets(whole ${C_WHOLE})
  if(NOT C_SOURCES)
    set(C_SOURCES ${CMAKE_BINARY_DIR}/empty.cc)
    file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/empty.cc CONTENT "")
  endif()
  set(target lib${name})
  add_library(${target} SHARED ${C_SOURCES})
  foreach(archive IN LISTS whole)
    target_link_libraries(${target} PRIVATE "$<LINK_LIBRARY:WHOLE_ARCHIVE,${archive}>")
  endforeach()
  target_link_libraries(${target} PRIVATE ${targets} ${C_LIBS})
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME ${name} VERSION ${C_VERSION} SOVERSION ${C_SOVERSION} C_VISIBILITY_PRESET default CXX_VISIBILITY_PRESET default
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
  if(C_EXPORTS)
    get_filename_component(exports ${C_EXPORTS} ABSOLUTE)
    target_link_options(${target} PRIVATE -Wl,--version-script=${exports})
    set_target_properties(${target} PROPERTIES LINK_DEPENDS ${exports})
  endif()
  add_dependencies(programs ${target})
  install(TARGETS ${target} LIBRARY COMPONENT c_libraries)
  if(C_HEADERS_FROM)
    target_include_directories(${target} INTERFACE ${CMAKE_CURRENT_SOURCE_DIR}/${C_HEADERS_FROM})
    install(DIRECTORY ${C_HEADERS_FROM}/ TYPE INCLUDE COMPONENT c_libraries)
  endif()
endfunction()

function(add_gtest name)
  cmake_parse_arguments(PARSE_ARGV 1 T "SLOW" "" "SOURCES;DEPENDS;LIBS")
  _aeon_require_no_rest("add_gtest(${name})" ${T_UNPARSED_ARGUMENTS})
  _aeon_module_names(depends ${T_DEPENDS})
  _aeon_require_known("test '${name}'" ${depends})
  _aeon_module_targets(targets ${depends})
  if(AEON_TESTS)
    _aeon_gtest(${name} ${CMAKE_CURRENT_SOURCE_DIR} ${T_SLOW} SOURCES ${T_SOURCES} LINK ${targets} ${T_LIBS})
  endif()
endfunction()

function(add_python_test name)
  cmake_parse_arguments(PARSE_ARGV 1 T "SLOW" "SCRIPT" "PROGRAMS;OPTIONS")
  _aeon_require_no_rest("add_python_test(${name})" ${T_UNPARSED_ARGUMENTS})
  if(AEON_TESTS)
    list(TRANSFORM T_PROGRAMS REPLACE "(.+)" "$<TARGET_FILE:program_\\1>")
    add_test(NAME ${name} COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/${T_SCRIPT} ${T_PROGRAMS}
      ${T_OPTIONS})
    _aeon_test_properties(${name} ${T_SLOW})
  endif()
endfunction()

function(add_bench_program name)
  cmake_parse_arguments(PARSE_ARGV 1 B "" "" "SOURCES;DEPENDS;LIBS")
  _aeon_require_no_rest("add_bench_program(${name})" ${B_UNPARSED_ARGUMENTS})
  _aeon_module_names(depends ${B_DEPENDS})
  _aeon_require_known("bench '${name}'" ${depends})
  _aeon_module_targets(targets ${depends})
  add_executable(${name} EXCLUDE_FROM_ALL ${B_SOURCES})
  target_link_libraries(${name} PRIVATE ${targets} ${B_LIBS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
  add_dependencies(benches ${name})
endfunction()
