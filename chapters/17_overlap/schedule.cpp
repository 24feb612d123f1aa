#include "chapters/17_overlap/schedule.h"

#include <sstream>

#include "chapters/17_overlap/chunked_ring.h"
#include "common/tensor/ops.h"

namespace shard::chapter_17 {
namespace {

using Owners = std::vector<int>;  // of the rows of each product, in order

/// Of every rank. Collective.
std::vector<Owners> gather_owners(Communicator& world, const Owners& mine) {
  std::string numbers;
  for (int owner : mine) numbers += text(owner, " ");
  std::vector<Owners> all;
  for (const std::string& of_rank : world.gather_text(numbers)) {
    std::istringstream list(of_rank);
    all.emplace_back(std::istream_iterator<int>(list), std::istream_iterator<int>());
  }
  return all;
}

void show(Report& report, const std::string& title, const std::vector<Owners>& ranks,
          const std::function<std::string(int rank, int owner)>& product) {
  std::vector<std::string> header{title};
  for (size_t rank = 0; rank < ranks.size(); ++rank) header.push_back(text("rank ", rank));
  Table table(header);
  for (size_t step = 0; step < ranks[0].size(); ++step) {
    std::vector<std::string> row{text("step ", step)};
    for (int rank = 0; const Owners& owners : ranks) row.push_back(product(rank++, owners[step]));
    table.row(row);
  }
  report.table(table);
}

}  // namespace

void show_schedule(Runtime& runtime, Report& report) {
  report.heading("Whose rows are multiplied in which step, while the next ones travel");
  Communicator& world = runtime.world();
  const int t = world.size(), rank = world.rank();
  const ChunkedRing ring(world, 1);  // one row of each rank
  Owners gathered, scattered;
  ring.gather(Tensor::full(world.backend(), {1, 1}, static_cast<float>(rank)), t,
              [&](const Tensor& all, Range here) {
                gathered.push_back(static_cast<int>(all.slice(here).to_host()[0]));
              });
  const Tensor sums = ring.scatter({t, 1}, DataType::f32, [&](const Tensor& to, Range here) {
    scattered.push_back(static_cast<int>(here.begin));
    Tensor term = to;
    fill(term, static_cast<float>(here.begin + 1));
  });
  show(report, "gather, multiply", gather_owners(world, gathered),
       [](int on, int owner) { return text("X", owner, "·W", on); });
  report.line();
  show(report, "multiply, scatter", gather_owners(world, scattered),
       [](int on, int owner) { return text("X", on, "[rows ", owner, "]·W", on); });
  report.check("gather: a rank's own rows come first", gathered.front() == rank);
  report.check("scatter: a rank's own rows come last", scattered.back() == rank);
  report.check("scatter: each sum ends on its owner, with all terms",
               sums.to_host()[0] == static_cast<float>(t * (rank + 1)));
}

}  // namespace shard::chapter_17
