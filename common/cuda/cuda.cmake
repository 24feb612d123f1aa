# The GPU library: libshard_cuda.so, from common/cuda, common/nccl and what others add to it, as
# chapters with kernels of their own do. It is built where the CUDA Toolkit is found; the programs
# load it where a GPU is found.
set(SHARD_CUDA AUTO CACHE STRING
    "Build for CUDA: ON, OFF, or AUTO where nvcc, cuBLAS and NCCL are found")
file(GLOB gpu_sources CONFIGURE_DEPENDS common/cuda/[a-z0-9]*.cpp common/cuda/[a-z0-9]*.cu
     common/nccl/[a-z0-9]*.cpp)  # add_gpu_sources() adds to them

# add_gpu_sources(file …): further sources of the GPU library, in CUDA or C++, by absolute path. The
# emulated GPU takes them too: gpu_sources has them all.
macro(add_gpu_sources)
  list(APPEND gpu_sources ${ARGN})
  if(TARGET shard_cuda)
    target_sources(shard_cuda PRIVATE ${ARGN})
  endif()
endmacro()

function(find_cuda)  # sets SHARD_NVCC, SHARD_NCCL and SHARD_NCCL_HEADERS, or leaves them false
  find_program(SHARD_NVCC nvcc HINTS ${CMAKE_CUDA_COMPILER} $ENV{CUDA_HOME}/bin /usr/local/cuda/bin)
  cmake_path(GET SHARD_NVCC PARENT_PATH cuda_bin)
  # PyTorch brings NCCL in a Python package, without libnccl.so.
  execute_process(COMMAND python3 -c "import nvidia.nccl; print(list(nvidia.nccl.__path__)[0])"
                  OUTPUT_VARIABLE package OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  find_library(SHARD_NCCL NAMES nccl libnccl.so.2 HINTS ${cuda_bin}/../lib64 ${cuda_bin}/../lib
               PATHS ${package}/lib)
  find_path(SHARD_NCCL_HEADERS nccl.h HINTS ${cuda_bin}/../include PATHS ${package}/include)
  if(SHARD_CUDA STREQUAL "ON" AND NOT (SHARD_NVCC AND SHARD_NCCL AND SHARD_NCCL_HEADERS))
    message(FATAL_ERROR "SHARD_CUDA=ON needs the CUDA Toolkit and NCCL; found: nvcc ${SHARD_NVCC}, "
                        "NCCL ${SHARD_NCCL}, its nccl.h ${SHARD_NCCL_HEADERS}")
  endif()
endfunction()

# Those of the GPUs that the driver finds here ("9.0" is 90) and nvcc knows; otherwise 80 and 90.
function(find_architectures result)
  execute_process(COMMAND nvidia-smi --query-gpu=compute_cap --format=csv,noheader
                  OUTPUT_VARIABLE here ERROR_QUIET)
  execute_process(COMMAND ${SHARD_NVCC} --list-gpu-arch OUTPUT_VARIABLE known ERROR_QUIET)
  string(REGEX MATCHALL "[0-9]+\\.[0-9]+" here "${here}")
  set(found)
  foreach(capability ${here})
    string(REPLACE "." "" number ${capability})
    if(known MATCHES "compute_${number}\n")
      list(APPEND found ${number})
    endif()
  endforeach()
  list(REMOVE_DUPLICATES found)
  if(NOT found)
    set(found 80 90)
  endif()
  set(${result} ${found} PARENT_SCOPE)
endfunction()

if(NOT SHARD_CUDA STREQUAL "OFF")
  find_cuda()
endif()
if(SHARD_NVCC AND SHARD_NCCL AND SHARD_NCCL_HEADERS AND NOT SHARD_CUDA STREQUAL "OFF")
  if(NOT CMAKE_CUDA_ARCHITECTURES)
    find_architectures(CMAKE_CUDA_ARCHITECTURES)
  endif()
  set(CMAKE_CUDA_COMPILER ${SHARD_NVCC})
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")  # CMake 3.25 does not know it
  enable_language(CUDA)
  set(CMAKE_CUDA_STANDARD 20)
  find_package(CUDAToolkit REQUIRED)
  add_library(shard_cuda SHARED ${gpu_sources})
  target_include_directories(shard_cuda SYSTEM PRIVATE ${SHARD_NCCL_HEADERS})
  target_link_libraries(shard_cuda PRIVATE shard_common CUDA::cudart CUDA::cublas
                        CUDA::cublasLt ${SHARD_NCCL})
  target_compile_options(shard_cuda PRIVATE
                         $<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr -Xcompiler=-Wall>)
  target_link_options(shard_cuda PRIVATE -Wl,--no-undefined)
  add_dependencies(programs shard_cuda)
  message(STATUS "CUDA: ${SHARD_NVCC}, architectures ${CMAKE_CUDA_ARCHITECTURES}")
else()
  message(STATUS "CUDA: none; programs run on the CPU")
endif()
