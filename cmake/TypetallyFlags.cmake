# Every compile flag of the project lives on this one target.
add_library(typetally_flags INTERFACE)
target_compile_features(typetally_flags INTERFACE cxx_std_20)
set(warnings -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wold-style-cast -Wnon-virtual-dtor)
set(visibility -fvisibility=hidden -fvisibility-inlines-hidden)
# nvcc's own output would not pass -Wpedantic; relaxed constexpr lets device code call constexpr functions.
set(cuda_flags --expt-relaxed-constexpr -Xcompiler=-Wall,-Wextra,-Wno-unknown-pragmas,-fvisibility=hidden,-fvisibility-inlines-hidden)
if(TYPETALLY_WERROR)
  list(APPEND warnings -Werror)
  list(APPEND cuda_flags -Werror all-warnings)
endif()
target_compile_options(typetally_flags INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:${warnings};${visibility}>"
                                                 "$<$<COMPILE_LANGUAGE:CUDA>:${cuda_flags}>")
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
