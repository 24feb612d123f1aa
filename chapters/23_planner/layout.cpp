#include "chapters/23_planner/layout.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "chapters/19_interleaved_pipeline/named_schedule.h"
#include "common/base/counted.h"
#include "common/base/error.h"

namespace shard::chapter_23 {
namespace {

constexpr int64_t most_ranks = 1 << 20;

/// The whole number in `value`, from `least` to most_ranks.
int64_t number_in(const std::string& name, const std::string& value, int64_t least = 1) {
  int64_t number = 0;
  const char *begin = value.data(), *end = begin + value.size();
  const auto [rest, error] = std::from_chars(begin, end, number);
  require_usage(error == std::errc() && rest == end && number >= least && number <= most_ranks,
                "--layout: ", name, "=", value, " is not a whole number from ", least, " to ",
                most_ranks);
  return number;
}

Recompute recompute_named(const std::string& name) {
  for (const Recompute kind : {Recompute::none, Recompute::selective, Recompute::full})
    if (name == to_string(kind)) return kind;
  throw UsageError("--layout: recompute=" + name + ": it is none, selective or full");
}

bool is_schedule(const std::string& name) { return std::ranges::count(schedule_names(), name) > 0; }

/// "recompute" of "selective": a value that stands alone.
std::string name_of_value(const std::string& value) {
  if (value == "selective" || value == "full") return "recompute";
  return is_schedule(value) ? "schedule" : "";
}

/// "name=value"; a switch is only "name".
void take(Layout& layout, const std::string& name, const std::string& value) {
  const std::map<std::string, int64_t*> sizes{
      {"tp", &layout.tp},        {"cp", &layout.cp}, {"pp", &layout.pp},
      {"dp", &layout.dp},        {"ep", &layout.ep}, {"micro", &layout.micro_batch},
      {"chunks", &layout.chunks}};
  if (const auto found = sizes.find(name); found != sizes.end()) {
    *found->second = number_in(name, value);
  } else if (name == "sp") {
    layout.sequence_parallel = value.empty() || number_in(name, value, 0) > 0;
  } else if (name == "recompute") {
    layout.recompute = recompute_named(value);
  } else if (name == "shard") {
    layout.shard_optimizer = number_in(name, value, 0);
    require_usage(layout.shard_optimizer <= 3, "--layout: shard=", value,
                  ": what dp ranks share out is 0 to 3");
  } else if (name == "schedule") {
    require_usage(is_schedule(value), "--layout: schedule=", value,
                  ": it is gpipe, 1f1b, interleaved or zb-h1");
    layout.schedule = value;
  } else {
    throw UsageError("--layout: there is no \"" + name +
                     "\"; there are tp, cp, pp, dp, ep, micro, chunks, sp, recompute, shard and "
                     "schedule");
  }
}

}  // namespace

Layout layout_from(const std::string& text) {
  Layout layout;
  std::vector<std::string> named;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    std::string part = text.substr(begin, end - begin);
    if (const std::string name = name_of_value(part); !name.empty()) part.insert(0, name + "=");
    const std::string name = part.substr(0, part.find('='));
    require_usage(std::ranges::count(named, name) == 0, "--layout: ", name, " is there twice");
    named.push_back(name);
    take(layout, name, part.size() > name.size() ? part.substr(name.size() + 1) : "");
    begin = end + 1;
  }
  int64_t ranks = 1;
  for (const int64_t size : {layout.tp, layout.cp, layout.pp, layout.dp}) {
    ranks *= size;
    require_usage(ranks <= most_ranks, "--layout ", text, " has more than ", most_ranks, " ranks");
  }
  if (layout.chunks > 1 && std::ranges::count(named, "schedule") == 0)
    layout.schedule = "interleaved";
  return layout;
}

std::string to_string(const Layout& layout) {
  const Layout usual;
  std::string all;
  const auto add = [&](const std::string& part) { all += (all.empty() ? "" : ",") + part; };
  const auto size = [&](const char* name, int64_t value) {
    if (value != 1) add(text(name, "=", value));
  };
  size("tp", layout.tp);
  size("cp", layout.cp);
  size("pp", layout.pp);
  size("dp", layout.dp);
  size("ep", layout.ep);
  size("micro", layout.micro_batch);
  size("chunks", layout.chunks);
  if (layout.sequence_parallel) add("sp");
  if (layout.recompute != usual.recompute) add("recompute=" + to_string(layout.recompute));
  if (layout.shard_optimizer > 0) add(text("shard=", layout.shard_optimizer));
  const std::string schedule = layout.chunks > 1 ? "interleaved" : usual.schedule;
  if (layout.schedule != schedule) add("schedule=" + layout.schedule);
  return all.empty() ? "tp=1" : all;
}

/// Of the model and the ranks that share it out.
static std::string problem_of_cut(const Layout& l, const ModelShape& model) {
  if (model.width % model.heads != 0)
    return text("width ", model.width, " is not divisible by ", counted(model.heads, "head"));
  if (model.heads % l.tp != 0) {
    return text(counted(model.heads, "head"), " cannot be divided evenly among tp=", l.tp,
                " ranks");
  }
  if (model.context < l.cp) {
    return text("a sequence of ", counted(model.context, "token"), " cannot be cut among cp=", l.cp,
                " ranks");
  }
  if (l.sequence_parallel && l.micro_batch * model.context / l.cp < l.tp) {
    return text("sp: ", l.micro_batch * model.context / l.cp, " rows are fewer than tp=", l.tp,
                " ranks");
  }
  if (model.layers < l.pp * l.chunks) {
    return text(counted(model.layers, "layer"), " are too few for pp=", l.pp,
                " × chunks=", l.chunks, ": some parts would have none");
  }
  return "";
}

static std::string problem_of_experts(const Layout& l, const ModelShape& model) {
  if (model.experts == 0)
    return l.ep == 1 ? "" : text("ep=", l.ep, " needs a model with experts, and this one has 0");
  if (model.top_k > model.experts) {
    return text("top-k ", model.top_k, " of ", counted(model.experts, "expert"),
                " cannot be chosen");
  }
  if (l.ep > model.experts) {
    return text("ep=", l.ep, " ranks for ", counted(model.experts, "expert"),
                " would leave some without an expert");
  }
  if (l.cp * l.dp % l.ep != 0) {
    return text("ep=", l.ep, " does not divide the ", l.cp * l.dp, " ranks of cp=", l.cp,
                " × dp=", l.dp);
  }
  if (l.sequence_parallel) {
    return text("sp with ", counted(model.experts, "expert"),
                ": experts take whole rows, and a tp rank has cut ones");
  }
  if (l.shard_optimizer == 3) {
    return text("shard=3 with ", counted(model.experts, "expert"),
                ": all ranks of cp × dp share out a layer, but only some of them an expert");
  }
  return "";
}

static std::string problem_of_schedule(const Layout& l) {
  const bool is_interleaved = l.schedule == "interleaved";
  if (is_interleaved && l.chunks == 1)
    return "schedule=interleaved needs chunks of 2 or more, not 1";
  if (l.chunks > 1 && !is_interleaved)
    return text("chunks=", l.chunks, " needs schedule=interleaved, not ", l.schedule);
  if (l.chunks > 1 && l.pp == 1) return text("chunks=", l.chunks, " needs pp above 1");
  if (l.shard_optimizer == 3 && l.pp > 1) {
    return text("shard=3 with pp=", l.pp,
                ": a stage's layers would be gathered again for each of its micro-batches");
  }
  if (l.shard_optimizer == 2 && (is_interleaved || l.schedule == "zb-h1")) {
    return text("shard=2 with schedule=", l.schedule,
                ": it reduces after each backward pass, which comes in pieces here");
  }
  return "";
}

std::string problem_of(const Layout& l, const ModelShape& model, int64_t batch) {
  for (const std::string& problem :
       {problem_of_cut(l, model), problem_of_experts(l, model), problem_of_schedule(l)})
    if (!problem.empty()) return problem;
  if (batch % (l.dp * l.micro_batch) != 0) {
    return text("a batch of ", counted(batch, "sequence"), " cannot be divided into dp=", l.dp,
                " × micro-batches of ", l.micro_batch);
  }
  return "";
}

}  // namespace shard::chapter_23
