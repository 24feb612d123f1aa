#include "common/mpi/launch.h"

#include <mpi.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <iostream>

#include "common/base/error.h"
#include "common/mpi/session.h"

namespace shard {
namespace {

/// How many processes were started together, by what scripts/mpirun.sh or their launcher says: the
/// mpirun of Open MPI, that of MPICH and others, srun. And which this one is, as far as that is
/// known.
struct Launch {
  int processes = 1, number = 0;
};

Launch launch() {
  constexpr const char* variables[][2] = {{"SHARD_RANKS", "OMPI_COMM_WORLD_RANK"},
                                          {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"},
                                          {"PMI_SIZE", "PMI_RANK"},
                                          {"SLURM_STEP_NUM_TASKS", "SLURM_PROCID"}};
  for (const auto& [processes, number] : variables) {
    if (std::getenv(processes) == nullptr) continue;
    return {std::atoi(std::getenv(processes)),
            std::getenv(number) == nullptr ? 0 : std::atoi(std::getenv(number))};
  }
  return {};
}

}  // namespace

int processes_started() { return launch().processes; }

void refuse_ranks_alone() {
  const Launch started = launch();
  if (started.processes <= 1) return;
  // Microseconds. The launcher may end all ranks when one has ended.
  constexpr int until_the_first_has_spoken = 200000;
  if (started.number == 0) {
    std::cerr << text(program_invocation_short_name, ": ", started.processes,
                      " processes were started together, but ", MpiSession::library(),
                      ", with which they are linked, treats each as a run of one rank: start them ",
                      "with its mpirun, as ./learn run does, or with srun --mpi=pmix\n");
  } else {
    usleep(until_the_first_has_spoken);
  }
  int initialized = 0;
  MPI_Initialized(&initialized);
  if (initialized != 0) MPI_Finalize();
  std::exit(2);
}

bool started_by_srun_without_pmix() {
  return std::getenv("SLURM_STEP_NUM_TASKS") != nullptr && std::getenv("PMIX_RANK") == nullptr &&
         std::getenv("OMPI_COMM_WORLD_RANK") == nullptr;
}

}  // namespace shard
