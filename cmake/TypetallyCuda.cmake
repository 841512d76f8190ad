# Decides on TYPETALLY_CUDA. TYPETALLY_CUDA_ROOM is the folder, here and in the tests, that is built: cuda or no_cuda.
set(TYPETALLY_CUDA_ROOM no_cuda)
if(TYPETALLY_CUDA STREQUAL "AUTO")
  include(CheckLanguage)
  check_language(CUDA)
endif()
if(TYPETALLY_CUDA STREQUAL "AUTO" AND CMAKE_CUDA_COMPILER OR NOT TYPETALLY_CUDA STREQUAL "AUTO" AND TYPETALLY_CUDA)
  set(TYPETALLY_CUDA_ROOM cuda)
  # Machine code for the A100 and H100 families; newer devices compile the PTX of the latter at first use.
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 80-real 90)
  endif()
  # Static, so that the extension loads where there is no driver and beside whatever runtime Torch brings.
  set(CMAKE_CUDA_RUNTIME_LIBRARY Static)
  set(CMAKE_CUDA_STANDARD 20)
  enable_language(CUDA)
  find_package(CUDAToolkit REQUIRED)
endif()
