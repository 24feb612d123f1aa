#include "chapters/18_pipeline/all_stages.h"

#include <map>
#include <set>
#include <sstream>

namespace shard {

std::vector<StateTensor> of_all_stages(Communicator& stages, const std::vector<StateTensor>& own) {
  std::map<std::string, const StateTensor*> by_name;
  std::ostringstream lines;  // a name, and the whole tensor's sizes
  for (const StateTensor& tensor : own) {
    by_name[tensor.name] = &tensor;
    lines << tensor.name << ' ' << tensor.shard.whole.rank();
    for (int i = 0; i < tensor.shard.whole.rank(); ++i) lines << ' ' << tensor.shard.whole[i];
    lines << '\n';
  }
  std::vector<StateTensor> all;
  std::set<std::string> listed;
  for (const std::string& of_stage : stages.gather_text(lines.str())) {
    std::istringstream in(of_stage);
    for (std::string name; in >> name;) {
      int sizes = 0;
      in >> sizes;
      int64_t rows = 1, columns = 0;
      if (sizes == 2) in >> rows;
      in >> columns;
      if (!listed.insert(name).second) continue;  // a table that two stages have
      if (const auto found = by_name.find(name); found != by_name.end()) {
        all.push_back(*found->second);
      } else {
        all.push_back({.name = name,
                       .shard = Shard::all(sizes == 2 ? Shape{rows, columns} : Shape{columns}),
                       .part = Tensor(stages.backend(), {0}),
                       .writes = false,
                       .held = Range{0, 0}});
      }
    }
  }
  return all;
}

}  // namespace shard
