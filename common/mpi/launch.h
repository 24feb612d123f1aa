// How this process was started. Under another MPI's launcher, each of its processes would be a rank
// alone, all of whose checks hold.
#pragma once

namespace shard {

/// How many processes the launcher has started together, as far as it says so; else 1.
int processes_started();

/// Ends the program, with exit status 2 and one sentence by the first of them, where several
/// processes were started together. For a process that MPI takes for a rank alone.
void refuse_ranks_alone();
/// Then Open MPI 4 fails while it starts, and advises to build another Slurm.
bool started_by_srun_without_pmix();

}  // namespace shard
