# The GPU library: libshard_cuda.so, from common/cuda, common/nccl and the chapters' own kernels. It is built where the
# CUDA Toolkit is found; the programs load it where a GPU is found.
set(SHARD_CUDA AUTO CACHE STRING "Build for CUDA: ON, OFF, or AUTO where nvcc, cuBLAS and NCCL are found")
file(GLOB gpu_sources CONFIGURE_DEPENDS common/cuda/*.cpp common/cuda/*.cu common/nccl/*.cpp chapters/*/*.cu
     tests/gpu_bare.cpp)  # cuBLAS alone, which tests/gpu_bench.cpp compares with

function(find_cuda)  # sets SHARD_NVCC and SHARD_NCCL, or leaves them false
  find_program(SHARD_NVCC nvcc HINTS ${CMAKE_CUDA_COMPILER} $ENV{CUDA_HOME}/bin /usr/local/cuda/bin)
  cmake_path(GET SHARD_NVCC PARENT_PATH cuda_bin)
  find_library(SHARD_NCCL nccl HINTS ${cuda_bin}/../lib64 ${cuda_bin}/../lib)
  if(SHARD_CUDA STREQUAL "ON" AND NOT (SHARD_NVCC AND SHARD_NCCL))
    message(FATAL_ERROR "SHARD_CUDA=ON needs the CUDA Toolkit and NCCL; found: nvcc ${SHARD_NVCC}, NCCL ${SHARD_NCCL}")
  endif()
endfunction()

if(NOT SHARD_CUDA STREQUAL "OFF")
  find_cuda()
endif()
if(SHARD_NVCC AND SHARD_NCCL AND NOT SHARD_CUDA STREQUAL "OFF")
  if(NOT CMAKE_CUDA_ARCHITECTURES)
    if(EXISTS /dev/nvidiactl)
      set(CMAKE_CUDA_ARCHITECTURES native)
    else()
      set(CMAKE_CUDA_ARCHITECTURES 80 90)
    endif()
  endif()
  set(CMAKE_CUDA_COMPILER ${SHARD_NVCC})
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")  # CMake 3.25 does not know it
  enable_language(CUDA)
  set(CMAKE_CUDA_STANDARD 20)
  find_package(CUDAToolkit REQUIRED)
  add_library(shard_cuda SHARED ${gpu_sources})
  target_link_libraries(shard_cuda PRIVATE shard_common CUDA::cudart CUDA::cublas ${SHARD_NCCL})
  target_compile_options(shard_cuda PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr -Xcompiler=-Wall>)
  target_link_options(shard_cuda PRIVATE -Wl,--no-undefined)
  add_dependencies(programs shard_cuda)
  message(STATUS "CUDA: ${SHARD_NVCC}, architectures ${CMAKE_CUDA_ARCHITECTURES}")
else()
  message(STATUS "CUDA: none; programs run on the CPU")
endif()
