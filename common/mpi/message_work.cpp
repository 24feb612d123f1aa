#include "common/mpi/message_work.h"

#include <algorithm>

#include "common/mpi/check.h"
#include "common/mpi/message_check.h"
#include "common/mpi/types.h"

namespace shard {

const Call& main_call(std::span<const Call> calls) {
  const auto received = std::find_if(calls.begin(), calls.end(), [](const Call& call) {
    return call.op == Collective::receive;
  });
  return received == calls.end() ? calls.front() : *received;
}

MessageWork::MessageWork(MpiGroup& group, std::span<const Message> messages,
                         std::span<const Call> calls)
    : HostWork(group, messages.front().tensor.backend(), main_call(calls)) {
  for (size_t i = 0; i < messages.size(); ++i) {
    parts_.push_back({messages[i], calls[i], on_host(messages[i].tensor)});
    const HostTensor& place = parts_.back().place;
    if (messages[i].is_sent) fetch(place, 0, place.bytes());
  }
  fetched_ = mark();
  if (!copies()) advance();
}

void MessageWork::post(Part& part) {
  const int count = mpi_count(part.call.count), tag = tag_of_message(part.call);
  const MPI_Datatype type = mpi_type(part.call.type);
  const MPI_Comm comm = group().comm();
  if (!part.message.is_sent) {
    check_mpi(MPI_Irecv(part.place.address, count, type, part.call.partner, tag, comm,
                        &part.request),
              "MPI_Irecv");
    return;
  }
  const auto send = group().settings().synchronous_sends ? MPI_Issend : MPI_Isend;
  check_mpi(send(part.place.address, count, type, part.call.partner, tag, comm, &part.request),
            "MPI_Isend");
}

void MessageWork::test(Part& part) {
  if (part.is_done) return;
  int done = 0, kind = MPI_SUCCESS, count = 0;
  MPI_Status status;
  part.result = MPI_Test(&part.request, &done, &status);
  MPI_Error_class(part.result, &kind);
  part.is_done = done != 0 || part.result != MPI_SUCCESS;
  if (!part.is_done || part.message.is_sent) return;
  if (part.result == MPI_SUCCESS) {
    check_mpi(MPI_Get_count(&status, mpi_type(part.call.type), &count), "MPI_Get_count");
    part.received = count;
    put_back(part.place, 0, part.place.bytes());
  } else if (kind == MPI_ERR_TRUNCATE) {  // how much longer it is, MPI does not say
    part.received = part.call.count + 1, part.result = MPI_SUCCESS;
  }
}

bool MessageWork::advance() {
  if (is_done_) return true;
  if (!posted_) {
    if (!fetched_()) return false;
    for (Part& part : parts_) post(part);
    posted_ = true;
  }
  if (!put_back_) {
    for (Part& part : parts_) test(part);
    if (waits_) show_first_open();
    if (!std::ranges::all_of(parts_, &Part::is_done)) return false;
    put_back_ = mark();
  }
  return is_done_ = put_back_();
}

/// On the board, while this rank waits for it.
void MessageWork::show_first_open() {
  const Part* open = nullptr;
  for (const Part& part : parts_) {
    if (!part.is_done && (open == nullptr || (open->message.is_sent && !part.message.is_sent)))
      open = &part;
  }
  if (open != nullptr && open != shown_) group().show_waiting(open->call);
  shown_ = open;
}

void MessageWork::progress() {
  if (copies()) advance();
}

void MessageWork::wait() {
  waits_ = true;
  HostWork::wait();
  waits_ = false;
  for (const Part& part : parts_) {
    check_mpi(part.result, part.message.is_sent ? "MPI_Isend" : "MPI_Irecv");
    if (part.message.is_sent) continue;
    require_fit(part.call.op, group().world_rank(part.call.partner), part.received,
                group().world_rank(group().rank()), part.call.count);
  }
}

}  // namespace shard
