// Types and counts of elements, in MPI's terms.
#pragma once
#include <mpi.h>

#include <limits>

#include "common/base/error.h"
#include "common/tensor/tensor.h"

namespace shard {

inline MPI_Datatype mpi_type(DataType type) {
  switch (type) {
    case DataType::f32: return MPI_FLOAT;
    case DataType::i32: return MPI_INT32_T;
    case DataType::bf16: return MPI_UINT16_T;  // to be moved only: MPI cannot add them
  }
  return MPI_DATATYPE_NULL;
}

inline int mpi_count(int64_t count) {
  require(count <= std::numeric_limits<int>::max(), "MPI counts elements in an int; ", count,
          " are too many");
  return static_cast<int>(count);
}

}  // namespace shard
