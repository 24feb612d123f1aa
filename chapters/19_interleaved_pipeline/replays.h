// What the lists alone decide, on any number of ranks: exact times, idle time, and what is kept.
#pragma once
#include "chapters/18_pipeline/replay.h"
#include "common/program/report.h"

namespace shard::chapter_19 {

/// Of a stage: the most forward passes that keep something for their backward pass, chunks counting
/// singly; and the most backward passes whose weights' gradients have not been added.
int64_t most_kept(const Steps& steps);
int64_t longest_queue(const Steps& steps);

/// A number for each stage: "4 3 2 1".
std::string of_stages(const Schedule& schedule, int64_t (*count)(const Steps&));

/// The time of the lists; a stage's forward pass takes 1, its backward pass 2.
double time_of(const Schedule& schedule, int chunks, double transfer = 0);

/// 1F1B, interleaved and ZB-H1 on 4 stages: times, bubbles, and what stages keep.
void show_schedules(Report& report);
/// Numbers of micro-batches that p does not divide, and the remainder as a group of its own.
void show_remainders(Report& report);
/// Warm-ups with 2 passes for each later stage, with 1 less, and with 1 for each, if results take a
/// while to the next stage.
void show_warm_ups(Report& report);
/// ZB-H1 with W later or sooner, and with other durations than 1.
void show_release(Report& report);

}  // namespace shard::chapter_19
