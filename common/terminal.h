// Whether somebody watches: progress that moves belongs on a terminal only.
#pragma once

namespace shard {

/// True when what this process prints ends on a terminal. mpirun gives its ranks a pseudo-terminal wherever its own
/// output goes, so under mpirun the question is about mpirun's output.
bool prints_to_terminal();

}  // namespace shard
