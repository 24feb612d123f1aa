// Checks of a process before MPI starts, and at its end: its standard streams, and the limit of
// open files.
#pragma once

namespace shard {

/// Opens those of standard input, output and error that the caller has closed (>&-); otherwise the
/// next file or connection would get their numbers. Writing to such an output fails, as on a full
/// disk.
void keep_standard_streams();

/// Raises the limit of open files to 4096 if the system allows it. Throws UsageError if the limit
/// is too low for MPI to start.
void allow_open_files();

/// Throws Error if output of this process was lost.
void require_printed();

/// Whether mpirun has started this process; otherwise it is the only rank.
bool is_under_mpirun();

}  // namespace shard
