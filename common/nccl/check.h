// Every NCCL call's result is checked where the call stands.
#pragma once
#include <nccl.h>

#include <source_location>

#include "common/base/error.h"

namespace shard {

/// Throws Error with the call's name, NCCL's own messages, file and line. A call that goes on in
/// the background (ncclInProgress) has not failed.
inline void check_nccl(ncclResult_t result, const char* call, ncclComm_t comm = nullptr,
                       std::source_location where = std::source_location::current()) {
  if (result == ncclSuccess || result == ncclInProgress) return;
  const char* details = ncclGetLastError(comm);
  const bool has_details = details != nullptr && *details != '\0';
  throw Error(text(call, ": ", ncclGetErrorString(result), has_details ? "; " : "",
                   has_details ? details : "", " (", where.file_name(), ":", where.line(), ")"));
}

}  // namespace shard
