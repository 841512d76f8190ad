# Every compile flag of the project lives on this one target.
add_library(typetally_flags INTERFACE)
target_compile_features(typetally_flags INTERFACE cxx_std_20)
target_compile_options(
  typetally_flags INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wold-style-cast
                            -Wnon-virtual-dtor -fvisibility=hidden -fvisibility-inlines-hidden)
if(TYPETALLY_WERROR)
  target_compile_options(typetally_flags INTERFACE -Werror)
endif()
if(TYPETALLY_SANITIZE)
  target_compile_options(typetally_flags INTERFACE -fsanitize=${TYPETALLY_SANITIZE} -fno-sanitize-recover=all
                                                   -fno-omit-frame-pointer)
  target_link_options(typetally_flags INTERFACE -fsanitize=${TYPETALLY_SANITIZE})
endif()
if(TYPETALLY_FUZZ)
  target_compile_options(typetally_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(TYPETALLY_CCACHE ccache)
mark_as_advanced(TYPETALLY_CCACHE)
if(TYPETALLY_CCACHE AND PROJECT_IS_TOP_LEVEL AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${TYPETALLY_CCACHE}")
endif()
