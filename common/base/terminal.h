// Whether output goes to a terminal, and its width. A progress line that is overwritten is only
// useful on a terminal.
#pragma once
#include <cstddef>

namespace shard {

/// Whether the output of this process is shown on a terminal. mpirun always gives its ranks a
/// pseudo-terminal, so under mpirun its own output is tested.
bool prints_to_terminal();

/// The current number of columns of that terminal; if it is unknown, COLUMNS, or else 80.
size_t terminal_columns();

}  // namespace shard
