// How a kernel is started on the emulated GPU: what <<<…>>> is to nvcc.
#pragma once
#include <functional>
#include <initializer_list>
#include <type_traits>

namespace emulated_gpu {

/// A kernel with its arguments, ready to run: `thread()` runs one thread of it, the one that `here`
/// names.
struct Launch {
  const void* kernel = nullptr;
  dim3 grid, block;
  size_t shared_bytes = 0;
  std::function<void()> thread;
};

/// Puts the launch into the stream's queue. `pointers` are those arguments that are pointers: to
/// the device's memory, as all that a kernel sees must be.
cudaError_t enqueue(Launch launch, cudaStream_t stream,
                    std::initializer_list<const void*> pointers);

template <class T>
const void* pointer_or_null(const T& argument) {
  if constexpr (std::is_pointer_v<T>) {
    return reinterpret_cast<const void*>(argument);
  } else {
    return nullptr;
  }
}

template <class... Parameters>
cudaError_t launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes,
                   cudaStream_t stream, std::type_identity_t<Parameters>... arguments) {
  static_assert((std::is_trivially_copyable_v<Parameters> && ...),
                "arguments of kernels are copied byte by byte");
  static_assert((sizeof(Parameters) + ... + 0) <= 4096,
                "arguments of a kernel have at most 4096 bytes");
  return enqueue({reinterpret_cast<const void*>(kernel), grid, block, shared_bytes,
                  [=] { kernel(arguments...); }},
                 stream, {pointer_or_null(arguments)...});
}

}  // namespace emulated_gpu
