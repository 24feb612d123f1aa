// What a process checks before MPI starts, and at its end: its standard streams, and how many files
// it may open.
#pragma once

namespace shard {

/// Opens those of standard input, output and error that the caller has closed (>&-); otherwise the
/// next file or connection would get their numbers. Such an output takes nothing, like a full disk.
void keep_standard_streams();

/// Allows this process 4096 open files where the system lets it. Throws UsageError where MPI cannot
/// start with them.
void allow_open_files();

/// Throws Error when something that this process has printed was lost.
void require_printed();

/// Whether mpirun has started this process; otherwise it is a rank of its own.
bool is_under_mpirun();

}  // namespace shard
