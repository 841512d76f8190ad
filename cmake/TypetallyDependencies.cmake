# Installed libraries come first; a pinned source is fetched only where none is found. FETCHCONTENT_SOURCE_DIR_<NAME>
# points CMake to a source that is already there.
include(FetchContent)

# typetally_dependency(<package> <target> <repository> <tag>): afterwards <target> exists.
function(typetally_dependency name target repository tag)
  find_package(${name} CONFIG QUIET GLOBAL)
  if(NOT TARGET ${target})
    message(STATUS "typetally: ${name} is not installed, fetching ${tag}")
    set(BUILD_SHARED_LIBS OFF)
    FetchContent_Declare(${name} GIT_REPOSITORY ${repository} GIT_TAG ${tag} GIT_SHALLOW ON SYSTEM)
    FetchContent_MakeAvailable(${name})
  endif()
endfunction()

set(HWY_ENABLE_TESTS OFF)
set(HWY_ENABLE_EXAMPLES OFF)
set(HWY_ENABLE_CONTRIB OFF)
set(TBB_TEST OFF)
set(TBB_STRICT OFF)
typetally_dependency(hwy hwy::hwy https://github.com/google/highway.git 1.2.0)
typetally_dependency(simdjson simdjson::simdjson https://github.com/simdjson/simdjson.git v3.10.1)
typetally_dependency(TBB TBB::tbb https://github.com/uxlfoundation/oneTBB.git v2021.13.0)
if(TYPETALLY_TESTS)
  set(INSTALL_GTEST OFF)
  typetally_dependency(GTest GTest::gtest_main https://github.com/google/googletest.git v1.15.2)
  typetally_dependency(rapidcheck rapidcheck https://github.com/emil-e/rapidcheck.git
                       ff6af6fc683159deb51c543b065eba14dfcf329b)
endif()
if(TYPETALLY_BENCH)
  set(BENCHMARK_ENABLE_TESTING OFF)
  set(BENCHMARK_ENABLE_INSTALL OFF)
  typetally_dependency(benchmark benchmark::benchmark_main https://github.com/google/benchmark.git v1.9.1)
endif()
