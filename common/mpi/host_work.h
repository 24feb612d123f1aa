// HostWork: a collective that MPI carries out on host memory. On the CPU that is the tensors' own
// memory. On a GPU it is a pinned copy: elements are fetched before MPI reads them and put back
// after it has written them, while the GPU computes on.
#pragma once
#include <vector>

#include "common/mpi/mpi_group.h"
#include "common/tensor/backend.h"

namespace shard {

class HostWork : public Work {
 public:
  HostWork(MpiGroup& group, Backend& backend, const Call& call);
  void wait() override;
  bool poll() override;
  /// On a GPU: from the moment when it had computed what came before, or from the first poll() or
  /// wait() after it, to the end.
  std::shared_ptr<const DeviceTime> time() const override;

 protected:
  using Mark = HostTransfer::Mark;
  struct HostTensor {
    Tensor tensor;
    std::byte* address;  // of its first element, in host memory
    int64_t bytes() const { return tensor.bytes(); }
  };

  /// Does the next step of the collective if it can be done now. True when all are done.
  virtual bool advance() = 0;

  MpiGroup& group() const { return group_; }
  const Call& call() const { return call_; }
  bool copies() const { return transfer_ != nullptr; }
  /// The tensor's place in host memory, for as long as this lives; not fetched yet.
  HostTensor on_host(const Tensor& tensor);
  /// Starts to copy bytes begin … begin + bytes. On the CPU they are there.
  void fetch(const HostTensor& x, int64_t begin, int64_t bytes);
  void put_back(const HostTensor& x, int64_t begin, int64_t bytes);
  /// Whether the copies until now are done.
  Mark mark() const;

 private:
  struct Time;
  MpiGroup& group_;
  Call call_;
  HostTransfer* transfer_;
  std::vector<HostTensor> on_host_;
  Mark computed_;  // what came before
  std::shared_ptr<Time> time_;
  bool is_over_ = false;
};

}  // namespace shard
