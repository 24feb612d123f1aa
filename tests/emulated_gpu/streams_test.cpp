// Streams are lazy: what is not ordered by events always fails.
#include <cmath>

#include "tests/emulated_gpu/device_array.h"

using namespace shard;

namespace {

__global__ void set_kernel(float* x, float value) { *x = value; }
__global__ void add_kernel(float* sum, const float* a, const float* b) { *sum = *a + *b; }

struct TwoStreams {
  Stream first{Stream::Priority::normal}, second{Stream::Priority::high};
  DeviceArray<float> a{1}, b{1}, sum{1};
  /// a and b are set in the first stream, and added in the second one.
  void run(bool ordered) {
    launch(set_kernel, 1, 1, 0, first, a.data(), 3.0f);
    launch(set_kernel, 1, 1, 0, first, b.data(), 4.0f);
    Event both_set;
    both_set.record(first);
    if (ordered) both_set.order_before(second);
    launch(add_kernel, 1, 1, 0, second, sum.data(), a.data(), b.data());
    check_cuda(cudaStreamSynchronize(second), "cudaStreamSynchronize");
  }
};

float value_at(const float* device) {
  float value = 0;
  check_cuda(cudaMemcpy(&value, device, sizeof value, cudaMemcpyDeviceToHost), "cudaMemcpy");
  return value;
}

}  // namespace

TEST_CASE("a forgotten dependency between streams shows") {
  TwoStreams streams;
  streams.run(false);
  CHECK(std::isnan(value_at(streams.sum.data())));
}

TEST_CASE("an event orders two streams, as far as its mark and no further") {
  TwoStreams streams;
  streams.run(true);
  CHECK(value_at(streams.sum.data()) == 7.0f);

  Event early;
  launch(set_kernel, 1, 1, 0, streams.first, streams.a.data(), 10.0f);
  early.record(streams.first);
  launch(set_kernel, 1, 1, 0, streams.first, streams.a.data(), 20.0f);
  CHECK(early.has_happened());
  CHECK(value_at(streams.a.data()) == 10.0f);
  check_cuda(cudaStreamSynchronize(streams.first), "cudaStreamSynchronize");
  CHECK(value_at(streams.a.data()) == 20.0f);
}

TEST_CASE("an event that is recorded anew leaves those alone who wait for its first mark") {
  Stream first(Stream::Priority::normal), second(Stream::Priority::normal);
  const DeviceArray<float> x(1), seen(1);
  Event mark;
  launch(set_kernel, 1, 1, 0, first, x.data(), 1.0f);
  mark.record(first);
  mark.order_before(second);
  launch(set_kernel, 1, 1, 0, first, x.data(), 2.0f);
  mark.record(first);
  check_cuda(cudaMemcpyAsync(seen.data(), x.data(), sizeof(float), cudaMemcpyDeviceToDevice,
                             second),
             "copy");
  check_cuda(cudaStreamSynchronize(second), "cudaStreamSynchronize");
  CHECK(value_at(seen.data()) == 1.0f);
  CHECK(mark.has_happened());
  CHECK(value_at(x.data()) == 2.0f);
}

TEST_CASE(
    "host memory is read when the stream gets there, as CUDA may do; a copy to pageable memory "
    "waits") {
  Stream stream(Stream::Priority::normal);
  const DeviceArray<float> x(1), y(1);
  float pageable = 1.0f;
  PinnedFloats pinned(2);
  pinned[0] = 1.0f;
  check_cuda(cudaMemcpyAsync(x.data(), &pageable, sizeof(float), cudaMemcpyHostToDevice, stream),
             "copy");
  check_cuda(cudaMemcpyAsync(y.data(), pinned.data(), sizeof(float), cudaMemcpyHostToDevice,
                             stream),
             "copy");
  pageable = pinned[0] = 2.0f;
  check_cuda(cudaMemcpyAsync(pinned.data() + 1, x.data(), sizeof(float), cudaMemcpyDeviceToHost,
                             stream),
             "copy");
  CHECK(std::isnan(pinned[1]));  // not waited for yet
  check_cuda(cudaMemcpyAsync(&pageable, y.data(), sizeof(float), cudaMemcpyDeviceToHost, stream),
             "copy");
  CHECK(pageable == 2.0f);   // from pinned[0], too late; and this copy has waited
  CHECK(pinned[1] == 2.0f);  // and so from the pageable number
}

TEST_CASE("elapsed time needs timed events that have happened") {
  Stream stream(Stream::Priority::normal);
  const DeviceArray<float> x(1);
  Event begin(true), end(true), untimed;
  float milliseconds = -1;
  begin.record(stream);
  for (int i = 0; i < 100; ++i) launch(set_kernel, 100, 100, 0, stream, x.data(), 1.0f);
  end.record(stream);
  untimed.record(stream);
  CHECK_THROWS_AS(end.seconds_since(begin), Error);  // not waited for yet
  check_cuda(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
  const double seconds = end.seconds_since(begin);
  CHECK((seconds > 1e-5 && seconds < 10.0));
  CHECK_THROWS_AS(untimed.seconds_since(begin), Error);
  CHECK(cudaEventElapsedTime(&milliseconds, nullptr, nullptr) == cudaErrorInvalidResourceHandle);
  cudaGetLastError();
}

TEST_CASE("handles that are none") {
  const auto stream = reinterpret_cast<cudaStream_t>(uintptr_t{0x1234});
  const auto event = reinterpret_cast<cudaEvent_t>(uintptr_t{0x1234});
  CHECK(cudaStreamSynchronize(stream) == cudaErrorInvalidResourceHandle);
  CHECK(cudaStreamQuery(stream) == cudaErrorInvalidResourceHandle);
  CHECK(cudaStreamDestroy(stream) == cudaErrorInvalidResourceHandle);
  CHECK(cudaEventRecord(event, nullptr) == cudaErrorInvalidResourceHandle);
  CHECK(cudaEventQuery(event) == cudaErrorInvalidResourceHandle);
  CHECK(cudaEventDestroy(event) == cudaErrorInvalidResourceHandle);
  CHECK(emulated_gpu::launch(set_kernel, 1, 1, 0, stream, nullptr, 0.0f) ==
        cudaErrorInvalidResourceHandle);
  cudaGetLastError();
}
