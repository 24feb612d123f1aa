# The CMakeLists.txt of the copy in which learn_test.sh works: the exercises as they are, with
# shard_common from the build that the environment names instead of compiling it again.
cmake_minimum_required(VERSION 3.25)
project(learn_test LANGUAGES CXX)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_BUILD_RPATH_USE_ORIGIN ON)
add_compile_options(-Wall -Wextra -Wshadow -Wno-restrict)
include_directories(${PROJECT_SOURCE_DIR})
load_cache($ENV{SHARD_BUILD} READ_WITH_PREFIX "" DNNL_LIBRARY)
find_package(MPI REQUIRED COMPONENTS CXX)
find_package(OpenMP REQUIRED COMPONENTS CXX)

add_library(shard_common SHARED IMPORTED GLOBAL)
set_target_properties(shard_common
                      PROPERTIES IMPORTED_LOCATION $ENV{SHARD_BUILD}/lib/libshard_common.so)
target_compile_definitions(shard_common INTERFACE OMPI_SKIP_MPICXX)
target_link_libraries(shard_common INTERFACE MPI::MPI_CXX OpenMP::OpenMP_CXX ${DNNL_LIBRARY})

enable_testing()
add_subdirectory(exercises)

# A chapter's program, as the build that the environment names has made it; its library is beside it
# there.
add_custom_target(03_row_parallel_gemm
                  COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/bin
                  COMMAND ${CMAKE_COMMAND} -E create_symlink
                          $ENV{SHARD_BUILD}/bin/03_row_parallel_gemm
                          ${PROJECT_BINARY_DIR}/bin/03_row_parallel_gemm VERBATIM)
