// Every published step beside its prediction, with all that the prediction assumes.
#pragma once
#include "chapters/23_planner/published.h"
#include "common/program/report.h"

namespace shard::chapter_23 {

void show_steps(Report& report, const std::vector<PublishedStep>& steps, const Clusters& clusters);
/// What each row's software is assumed to do.
void show_software(Report& report, const std::vector<PublishedStep>& steps);
/// The measured and fitted numbers of the clusters.
void show_constants(Report& report, const Clusters& clusters);
/// The rows of H100 under all assumptions(), each with a fit of its own.
void show_range(Report& report, const std::vector<PublishedStep>& steps, const Clusters& clusters);
/// The all-reduces on 8 H200: measured, and by four constants.
void show_curve(Report& report);

}  // namespace shard::chapter_23
