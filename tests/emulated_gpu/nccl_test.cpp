// NCCL's collectives on one emulated GPU per rank, with integer-valued data, so that sums are
// exact.
#include <nccl.h>
#include <sched.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <numeric>

#include "common/base/bfloat16.h"
#include "tests/emulated_gpu/device_array.h"
#include "tests/test_support.h"

using namespace shard;

namespace {

void check(ncclResult_t result) {
  if (result != ncclSuccess)
    throw Error(text(ncclGetErrorString(result), "; ", ncclGetLastError(nullptr)));
}

ncclUniqueId common_id() {
  ncclUniqueId id{};
  if (world().rank() == 0) check(ncclGetUniqueId(&id));
  const std::string told = world().gather_text(std::string(id.internal, sizeof id.internal))[0];
  std::memcpy(id.internal, told.data(), sizeof id.internal);
  return id;
}

/// All ranks, each on a device of its own.
struct Ranks {
  Stream stream{Stream::Priority::normal};
  int rank = world().rank(), size = world().size();
  ncclComm_t comm = nullptr;

  Ranks() { check(ncclCommInitRankConfig(&comm, size, common_id(), rank, nullptr)); }
  ~Ranks() {
    check(ncclCommFinalize(comm));
    check(ncclCommDestroy(comm));
  }
  Ranks(const Ranks&) = delete;
};

/// Every rank to its device, before its first stream.
struct OnOwnDevice {
  OnOwnDevice() { check_cuda(cudaSetDevice(world().rank()), "cudaSetDevice"); }
  ~OnOwnDevice() { cudaSetDevice(0); }
};

template <class T>
std::vector<T> data(int rank, size_t count) {
  std::vector<T> values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = static_cast<T>(element(rank, static_cast<int64_t>(i)));
  return values;
}

template <class T>
constexpr ncclDataType_t type_of = ncclFloat32;
template <>
constexpr ncclDataType_t type_of<int32_t> = ncclInt32;
template <>
constexpr ncclDataType_t type_of<BFloat16> = ncclBfloat16;

/// Sums of all ranks' elements, in double.
double sum_at(int ranks, size_t i) {
  double sum = 0;
  for (int rank = 0; rank < ranks; ++rank) sum += double(element(rank, static_cast<int64_t>(i)));
  return sum;
}

template <class T>
double number(T value) {
  return double(float(value));
}

constexpr size_t count = 37;

template <class T>
void check_reductions(const Ranks& ranks) {
  const DeviceArray<T> x(data<T>(ranks.rank, count)), sum(count);
  check(ncclAllReduce(x.data(), sum.data(), count, type_of<T>, ncclSum, ranks.comm, ranks.stream));
  const DeviceArray<T> max(data<T>(ranks.rank, count));
  check(
      ncclAllReduce(max.data(), max.data(), count, type_of<T>, ncclMax, ranks.comm, ranks.stream));
  const std::vector<T> sums = sum.to_host(), maxima = max.to_host();
  for (size_t i = 0; i < count; ++i) {
    double largest = -1e9;
    for (int rank = 0; rank < ranks.size; ++rank) {
      largest = std::max(largest, double(element(rank, static_cast<int64_t>(i))));
    }
    CHECK(number(sums[i]) == sum_at(ranks.size, i));  // up to ±192: exact in bf16 as well
    CHECK(number(maxima[i]) == largest);
  }

  const size_t size = static_cast<size_t>(ranks.size), rank = static_cast<size_t>(ranks.rank);
  const DeviceArray<T> terms(data<T>(ranks.rank, count * size)), part(count),
      gathered(count * size);
  check(ncclReduceScatter(terms.data(), part.data(), count, type_of<T>, ncclSum, ranks.comm,
                          ranks.stream));
  check(ncclAllGather(part.data(), gathered.data(), count, type_of<T>, ranks.comm, ranks.stream));
  const std::vector<T> own = part.to_host(), all = gathered.to_host();
  for (size_t i = 0; i < count; ++i) CHECK(number(own[i]) == sum_at(ranks.size, rank * count + i));
  for (size_t i = 0; i < count * size; ++i) CHECK(number(all[i]) == sum_at(ranks.size, i));
}

__global__ void set_all_kernel(float* x, float value) { x[threadIdx.x] = value; }

void wait_until_ready(ncclComm_t comm) {
  ncclResult_t state = ncclInProgress;
  while (state == ncclInProgress) {
    check(ncclCommGetAsyncError(comm, &state));
    sched_yield();
  }
  check(state);
}

}  // namespace

TEST_CASE("reductions and gathers of every type") {
  const OnOwnDevice on_own_device;
  const Ranks ranks;
  check_reductions<float>(ranks);
  check_reductions<int32_t>(ranks);
  check_reductions<BFloat16>(ranks);
}

TEST_CASE("sums of bf16 are rounded once, at the end") {
  const OnOwnDevice on_own_device;
  const Ranks ranks;
  // 256 + 1 is 256 in bf16, but 256 + 1 + 1 is 258
  const float mine = ranks.rank == 0 ? 256.0f : 1.0f;
  const DeviceArray<BFloat16> x(std::vector<BFloat16>{mine});
  check(ncclAllReduce(x.data(), x.data(), 1, ncclBfloat16, ncclSum, ranks.comm, ranks.stream));
  CHECK(float(x.to_host()[0]) == float(BFloat16(256.0f + static_cast<float>(ranks.size - 1))));
}

TEST_CASE("broadcasts, reductions and messages of a group progress together") {
  const OnOwnDevice on_own_device;
  const Ranks ranks;
  const int next = (ranks.rank + 1) % ranks.size,
            previous = (ranks.rank + ranks.size - 1) % ranks.size;
  const DeviceArray<float> mine(data<float>(ranks.rank, count)), received(count), reduced(count);
  const DeviceArray<float> all(count * static_cast<size_t>(ranks.size));
  check(ncclGroupStart());
  check(ncclRecv(received.data(), count, ncclFloat32, previous, ranks.comm, ranks.stream));
  for (int root = 0; root < ranks.size; ++root) {
    float* place = all.data() + static_cast<size_t>(root) * count;
    check(ncclBroadcast(mine.data(), place, count, ncclFloat32, root, ranks.comm, ranks.stream));
    check(ncclReduce(mine.data(), reduced.data(), count, ncclFloat32, ncclSum, root, ranks.comm,
                     ranks.stream));
  }
  check(ncclSend(mine.data(), count, ncclFloat32, next, ranks.comm, ranks.stream));
  check(ncclGroupEnd());
  CHECK(received.to_host() == data<float>(previous, count));
  const std::vector<float> gathered = all.to_host(), sums = reduced.to_host();
  for (size_t i = 0; i < count; ++i) {
    for (int root = 0; root < ranks.size; ++root) {
      CHECK(gathered[static_cast<size_t>(root) * count + i] ==
            element(root, static_cast<int64_t>(i)));
    }
    CHECK(double(sums[i]) == sum_at(ranks.size, i));
  }
}

TEST_CASE("a collective comes after what its stream waits for, and only after that") {
  const OnOwnDevice on_own_device;
  const Ranks ranks;
  Stream compute(Stream::Priority::normal);
  const DeviceArray<float> ordered(4), forgotten(4);
  launch(set_all_kernel, 1, 4, 0, compute, ordered.data(), static_cast<float>(ranks.rank));
  Event is_set;
  is_set.record(compute);
  is_set.order_before(ranks.stream);
  launch(set_all_kernel, 1, 4, 0, compute, forgotten.data(), static_cast<float>(ranks.rank));
  check(ncclAllReduce(ordered.data(), ordered.data(), 4, ncclFloat32, ncclSum, ranks.comm,
                      ranks.stream));
  check(ncclAllReduce(forgotten.data(), forgotten.data(), 4, ncclFloat32, ncclSum, ranks.comm,
                      ranks.stream));
  check_cuda(cudaStreamSynchronize(ranks.stream), "cudaStreamSynchronize");
  std::vector<float> got(4);
  check_cuda(cudaMemcpy(got.data(), ordered.data(), ordered.bytes(), cudaMemcpyDeviceToHost),
             "cudaMemcpy");
  CHECK(got[3] == static_cast<float>(ranks.size * (ranks.size - 1) / 2));
  check_cuda(cudaMemcpy(got.data(), forgotten.data(), forgotten.bytes(), cudaMemcpyDeviceToHost),
             "cudaMemcpy");
  CHECK(std::isnan(got[3]));
}

TEST_CASE("splits, also while nobody blocks") {
  const OnOwnDevice on_own_device;
  Stream stream(Stream::Priority::normal);
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  ncclComm_t whole = nullptr, part = nullptr;
  const int rank = world().rank(), size = world().size();
  const ncclResult_t begun = ncclCommInitRankConfig(&whole, size, common_id(), rank, &config);
  CHECK((begun == ncclSuccess || begun == ncclInProgress));
  wait_until_ready(whole);
  const int color = rank % 2;
  const ncclResult_t split =
      ncclCommSplit(whole, rank == 2 ? NCCL_SPLIT_NOCOLOR : color, -rank, &part, nullptr);
  CHECK((split == ncclSuccess || split == ncclInProgress));
  wait_until_ready(whole);
  CHECK((part == nullptr) == (rank == 2));
  if (part != nullptr) {
    wait_until_ready(part);
    const bool two = color == 1 && size == 4;
    const std::vector<int> ranks_of_part =
        two ? std::vector{3, 1} : std::vector{rank};  // in the order of their keys
    const DeviceArray<int> mine(std::vector{rank}), all(ranks_of_part.size());
    check(ncclAllGather(mine.data(), all.data(), 1, ncclInt32, part, stream));
    CHECK(all.to_host() == ranks_of_part);
    const DeviceArray<float> x(data<float>(rank, count));
    check(ncclAllReduce(x.data(), x.data(), count, ncclFloat32, ncclSum, part, stream));
    const std::vector<float> sums = x.to_host();
    for (size_t i = 0; i < count; ++i) {
      const auto at = static_cast<int64_t>(i);
      CHECK(sums[i] == (two ? element(1, at) + element(3, at) : element(rank, at)));
    }
    check(ncclCommDestroy(part));
  }
  check(ncclCommDestroy(whole));
}

TEST_CASE("an operation that the others never join stays open until it is aborted") {
  const OnOwnDevice on_own_device;
  require_ranks(2);
  Stream stream(Stream::Priority::normal);
  const DeviceArray<float> x(data<float>(0, count));
  ncclComm_t comm = nullptr;
  check(ncclCommInitRankConfig(&comm, world().size(), common_id(), world().rank(), nullptr));
  if (world().rank() == 0) {
    check(ncclAllReduce(x.data(), x.data(), count, ncclFloat32, ncclSum, comm, stream));
    for (int i = 0; i < 1000; ++i) REQUIRE(cudaStreamQuery(stream) == cudaErrorNotReady);
    CHECK(ncclCommSplit(comm, 0, 0, &comm, nullptr) == ncclInvalidUsage);
  }
  check(ncclCommAbort(comm));
  CHECK(cudaStreamQuery(stream) == cudaSuccess);
  world().barrier();
}

TEST_CASE("a send ends when it is received, and a message that is too long never arrives") {
  const OnOwnDevice on_own_device;
  require_ranks(2);
  Stream stream(Stream::Priority::normal);
  const DeviceArray<float> x(data<float>(0, count)), shorter(count - 1);
  ncclComm_t comm = nullptr;
  check(ncclCommInitRankConfig(&comm, world().size(), common_id(), world().rank(), nullptr));
  const auto stays_open = [&] {
    for (int i = 0; i < 1000; ++i)
      if (cudaStreamQuery(stream) != cudaErrorNotReady) return false;
    return true;
  };
  if (world().rank() == 0) {
    check(ncclSend(x.data(), count, ncclFloat32, 1, comm, stream));
    CHECK(stays_open());
  }
  world().barrier();
  if (world().rank() == 1) {
    check(ncclRecv(x.data(), count, ncclFloat32, 0, comm, stream));
    CHECK(x.to_host() == data<float>(0, count));
    check(ncclRecv(shorter.data(), count - 1, ncclFloat32, 0, comm, stream));
  }
  if (world().rank() == 0) {
    check_cuda(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
    check(ncclSend(x.data(), count, ncclFloat32, 1, comm, stream));
  }
  if (world().rank() == 1) CHECK(stays_open());
  world().barrier();
  check(ncclCommAbort(comm));
  world().barrier();
}

TEST_CASE("two ranks on one device are refused, as NCCL does before 2.30") {
  require_ranks(2);
  ncclComm_t comm = nullptr;
  const ncclUniqueId id = common_id();
  if (world().rank() < 2) {
    CHECK(ncclCommInitRankConfig(&comm, 2, id, world().rank(), nullptr) == ncclInvalidUsage);
    CHECK(std::string(ncclGetLastError(comm)) == "rank 0 and rank 1 are both on CUDA device 0");
    check(ncclCommAbort(comm));
  }
  setenv("SHARD_EMULATED_NCCL_VERSION", "2.30.1", 1);
  setenv("NCCL_MULTI_RANK_GPU_ENABLE", "1", 1);
  const ncclUniqueId next_id = common_id();
  if (world().rank() < 2) {
    check(ncclCommInitRankConfig(&comm, 2, next_id, world().rank(), nullptr));
    check(ncclCommDestroy(comm));
  }
  unsetenv("NCCL_MULTI_RANK_GPU_ENABLE");
  unsetenv("SHARD_EMULATED_NCCL_VERSION");
}

TEST_CASE("versions, and arguments that NCCL refuses") {
  const OnOwnDevice on_own_device;
  int version = 0;
  check(ncclGetVersion(&version));
  CHECK(version == 22809);
  const Ranks ranks;
  const DeviceArray<float> x(count);
  CHECK(ncclBroadcast(x.data(), x.data(), count, ncclFloat32, ranks.size, ranks.comm,
                      ranks.stream) == ncclInvalidArgument);
  CHECK(ncclAllReduce(x.data(), x.data(), count, ncclNumTypes, ncclSum, ranks.comm, ranks.stream) ==
        ncclInvalidArgument);
  CHECK(ncclAllReduce(x.data(), x.data(), count, ncclFloat32, ncclSum, nullptr, ranks.stream) ==
        ncclInvalidArgument);
  CHECK(ncclGroupEnd() == ncclInvalidUsage);
}
