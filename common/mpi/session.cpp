#include "common/mpi/session.h"

#include <mpi.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <numeric>
#include <set>
#include <vector>

#include "common/base/clock.h"
#include "common/mpi/check.h"
#include "common/mpi/launch.h"
#include "common/mpi/mpi_group.h"
#include "common/mpi/status_board.h"

namespace shard {
namespace {

/// The cores of this machine, or as many of them as the container's quota grants ("200000 100000":
/// microseconds of all cores in each period; "max 100000": all).
int cores_of_machine() {
  const auto online = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  double quota = 0, period = 0;
  if (!(file >> quota >> period) || quota <= 0 || period <= 0) return online;
  return static_cast<int>(std::min<double>(online, std::ceil(quota / period)));
}

/// Whoever sets a variable decides.
void set_defaults_of_open_mpi() {
  constexpr int keep = 0;  // what the environment says
  // The single-copy transfer between processes of a node is 2 to 4 times slower than the copy
  // through shared memory where system calls are expensive (virtual machines, containers): 1 MB
  // all-reduce of 2 ranks 936 µs against 177 µs on one such machine.
  setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", keep);  // Open MPI 4
  setenv("OMPI_MCA_smsc", "^cma", keep);                             // Open MPI 5
  // Up to 3 ranks form a nonblocking all-reduce by a tree, which sends all of it twice. A ring
  // (chapter 02) takes 0.5 to 0.7 times as long from 16 KB on, and as long for less.
  constexpr int most_in_a_tree = 3;
  if (processes_started() <= most_in_a_tree)
    setenv("OMPI_MCA_coll_libnbc_iallreduce_algorithm", "ring", keep);
}

}  // namespace

MpiSession::MpiSession() {
  set_defaults_of_open_mpi();
  if (started_by_srun_without_pmix()) refuse_ranks_alone();
  int provided = 0;
  check_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
  check_mpi(MPI_Comm_rank(MPI_COMM_WORLD, &rank_), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(MPI_COMM_WORLD, &size_), "MPI_Comm_size");
  if (size_ == 1) refuse_ranks_alone();
  MPI_Comm node = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &node),
            "MPI_Comm_split_type");
  check_mpi(MPI_Comm_rank(node, &rank_on_node_), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(node, &ranks_on_node_), "MPI_Comm_size");
  node_ = rank_;
  check_mpi(MPI_Bcast(&node_, 1, MPI_INT, 0, node), "MPI_Bcast");
  board_ = std::make_unique<StatusBoard>(node);
  MPI_Comm_free(&node);
}

MpiSession::~MpiSession() {
  if (std::uncaught_exceptions() > 0) abort(1);
  leaves();
  MPI_Request request;
  int done = 0;
  MPI_Ibarrier(MPI_COMM_WORLD, &request);
  for (double waited = 0; done == 0; waited += 1e-3) {
    MPI_Test(&request, &done, MPI_STATUS_IGNORE);
    if (waited > settings_.timeout) {
      std::cerr << "rank " << rank_ << ": has finished, but timed out waiting for the others"
                << std::endl;
      abort(1);
    }
    if (done == 0) usleep(1000);
  }
  board_.reset();
  MPI_Finalize();
}

bool MpiSession::is_first() {
  const char* rank = std::getenv("OMPI_COMM_WORLD_RANK");
  if (rank == nullptr) rank = std::getenv("PMIX_RANK");  // under srun
  return rank == nullptr || std::string(rank) == "0";
}

int MpiSession::threads_per_rank() const {
  const char* wanted = std::getenv("OMP_NUM_THREADS");
  if (wanted != nullptr && std::atoi(wanted) > 0) return std::atoi(wanted);
  cpu_set_t mask;
  CPU_ZERO(&mask);
  // it fails where the machine has more cores than a cpu_set_t
  const int allowed =
      sched_getaffinity(0, sizeof mask, &mask) == 0 ? CPU_COUNT(&mask) : cores_of_machine();
  // mpirun may have bound each rank to cores of its own, or none: the ranks of a node share what is
  // there either way
  return std::max(1, std::min(allowed, cores_of_machine() / ranks_on_node_));
}

std::string MpiSession::library() {
  char version[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length = 0;
  MPI_Get_library_version(version, &length);
  const std::string whole(version, static_cast<size_t>(length));  // "Open MPI v4.1.4, package: …"
  std::string name = whole.substr(0, whole.find(','));
  const size_t v = name.find(" v");
  if (v != std::string::npos) name.erase(v + 1, 1);
  return name;
}

void MpiSession::wait(const std::function<bool()>& done) const {
  std::vector<int> ranks(static_cast<size_t>(size_));
  std::iota(ranks.begin(), ranks.end(), 0);
  board_->waits({Collective::connect, 0, DataType::f32, 1}, "world");
  for (const double start = now(); !done(); sched_yield()) {
    require(now() - start < settings_.timeout, "timed out after ", settings_.timeout,
            " s (--timeout): ", board_->describe(ranks));
  }
  board_->computes();
}

bool MpiSession::all_agree(bool mine) const {
  int all = mine ? 1 : 0;
  MPI_Request request;
  check_mpi(MPI_Iallreduce(MPI_IN_PLACE, &all, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD, &request),
            "MPI_Iallreduce");
  wait([&] { return is_done(request); });
  return all != 0;
}

int MpiSession::different_on_node(const std::string& mine) const {
  struct Said {
    int node;
    char text[64];
  } said{node_, {}};
  mine.copy(said.text, sizeof said.text - 1);
  std::vector<Said> all(static_cast<size_t>(size_));
  MPI_Request request;
  check_mpi(MPI_Iallgather(&said, sizeof said, MPI_BYTE, all.data(), sizeof said, MPI_BYTE,
                           MPI_COMM_WORLD, &request),
            "MPI_Iallgather");
  wait([&] { return is_done(request); });
  std::set<std::string> different;
  for (const Said& other : all) {
    if (other.node == node_) different.insert(other.text);
  }
  return static_cast<int>(different.size());
}

std::unique_ptr<MpiGroup> MpiSession::world_group() {
  MPI_Comm all = MPI_COMM_NULL;
  MPI_Request request;
  check_mpi(MPI_Comm_idup(MPI_COMM_WORLD, &all, &request), "MPI_Comm_idup");
  wait([&] { return is_done(request); });
  return std::make_unique<MpiGroup>(all, "world", *board_, settings_);
}

void MpiSession::leaves() { board_->leaves(); }

bool MpiSession::rank_0_leaves_too() {
  // milliseconds: less than the others take to end all ranks because this one has left
  constexpr int patience = 500;
  leaves();
  for (int tries = 0; tries < patience && board_->first_that_left({0}) < 0; ++tries) usleep(1000);
  return board_->first_that_left({0}) == 0;
}

void MpiSession::abort(int status) {
  // microseconds: MPI_Abort may overtake what this rank has said
  constexpr int until_mpirun_has_printed = 100000;
  usleep(until_mpirun_has_printed);
  MPI_Abort(MPI_COMM_WORLD, status);
  std::_Exit(status);
}

}  // namespace shard
