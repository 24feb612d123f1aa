// CallWork: one call of MPI as a collective.
#pragma once
#include "common/mpi/check.h"
#include "common/mpi/turn_work.h"

namespace shard {

/// One call of MPI on whole tensors: what it reads is fetched, it is called, and what it wrote is
/// put back.
class CallWork : public TurnWork {
 public:
  CallWork(MpiGroup& group, Backend& backend, const Call& call)
      : TurnWork(group, backend, call, group.turns()) {}

  // Host addresses for the call: of a tensor that it reads, and of the one that it writes.
  void* reads(const Tensor& x) {
    const HostTensor source = on_host(x);
    fetch(source, 0, source.bytes());
    return source.address;
  }
  void* writes(const Tensor& x) {
    target_ = on_host(x);
    return target_.address;
  }

  /// Starts `call`, with comm_of_turns(), as soon as it can be. What it captures lives until it is
  /// done, because MPI goes on reading it.
  void start(std::function<void(MPI_Request*)> call) {
    call_ = std::move(call);
    copied_ = mark();
    if (!copies()) advance();
  }

 protected:
  bool advance() override {
    if (step_ == Step::fetch && copied_() && has_turn()) {
      call_(&request_);
      end_turn();
      step_ = Step::call;
    }
    if (step_ == Step::call && has_communicated()) {
      if (target_.tensor) put_back(target_, 0, target_.bytes());
      copied_ = mark();
      step_ = Step::put_back;
    }
    return step_ == Step::put_back && copied_();
  }
  virtual bool has_communicated() { return is_done(request_); }

 private:
  enum class Step { fetch, call, put_back } step_ = Step::fetch;
  std::function<void(MPI_Request*)> call_;
  Mark copied_;
  HostTensor target_{};
  MPI_Request request_ = MPI_REQUEST_NULL;
};

}  // namespace shard
