// Every MPI call's result is checked where the call stands.
#pragma once
#include <mpi.h>

#include <source_location>

#include "common/base/error.h"

namespace shard {

/// Throws Error with the call's name, MPI's own message, file and line.
inline void check_mpi(int result, const char* call,
                      std::source_location where = std::source_location::current()) {
  if (result == MPI_SUCCESS) return;
  char message[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(result, message, &length);
  throw Error(text(call, ": ", message, " (", where.file_name(), ":", where.line(), ")"));
}

inline bool is_done(MPI_Request& request,
                    std::source_location where = std::source_location::current()) {
  int done = 0;
  check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test", where);
  return done != 0;
}

}  // namespace shard
