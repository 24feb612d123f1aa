// Whether output goes to a terminal, and how wide it is: progress that moves belongs on a terminal
// only, in one line.
#pragma once
#include <cstddef>

namespace shard {

/// True when what this process prints ends on a terminal. mpirun gives its ranks a pseudo-terminal
/// wherever its own output goes, so under mpirun the question is about mpirun's output.
bool prints_to_terminal();

/// The columns of that terminal, now: somebody may change its size. Where it does not say, COLUMNS,
/// or else 80.
size_t terminal_columns();

}  // namespace shard
