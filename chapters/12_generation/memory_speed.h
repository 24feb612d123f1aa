// Generation beside the speed of memory. A pass through the model reads all weights once, and does
// two operations with each and each text: far fewer than a core could do in that time. So memory
// sets the time of a pass, and the texts that share it are nearly free, until the operations take
// as long (Williams et al., "Roofline", CACM 52, 2009; Pope et al., arXiv:2211.05102, section 2.1).
#pragma once
#include "chapters/10_tensor_and_data_parallel/gpt.h"
#include "chapters/12_generation/cached_sampling.h"
#include "common/program/report.h"

namespace shard::chapter_12 {

/// Bytes per second that the ranks read together when they do nothing else, `bytes` on each rank
/// and with all its threads: the median of some passes. Collective.
double read_rate(Communicator& world, int64_t bytes);

/// Bytes of the weights that a pass reads, on all ranks: all but the positions, of which it takes a
/// row. Collective.
double weight_bytes(Communicator& world, Gpt& model);

/// read_rate() of more than caches hold; 0 for weights that they may hold, which are read faster.
/// Collective.
double memory_limit(Communicator& world, Gpt& model);

/// Prints tokens per second, of what was read at once (prompts, and the last half of a full
/// context) and of what was written, and the share of `limit` (if not 0) that is reached. Also for
/// the JSON file. Collective.
void report_speed(Communicator& world, Report& report, Gpt& model, const WritingTimes& times,
                  double limit);

}  // namespace shard::chapter_12
