// ExpertMlp: a mixture of experts in the place of a block's MLP. Tokens travel to the ranks that
// have their experts, and their results travel back.
//     y = Σ over a token's k experts i of w_i·expert_i(x)
// e of the data-parallel ranks share out the experts: each has E/e, and all of the rest. Lepikhin
// et al., arXiv:2006.16668, section 2; dropless: Gale et al., "MegaBlocks", arXiv:2211.15841.
#pragma once
#include "chapters/21_experts/experts.h"
#include "chapters/21_experts/router.h"

namespace shard {

struct ExpertSettings {
  RouterSettings router;
  /// An expert takes at most ⌈capacity · k·T/E⌉ of the T tokens of all ranks, those of rank 0
  /// first; others pass it by (their term is 0). 0: it takes all.
  double capacity = 0;
};

/// The ranks that an ExpertMlp communicates with.
struct ExpertGroups {
  Communicator& tp;    // have the same tokens, and parts of each expert
  Communicator& data;  // have other tokens: the ranks of cp and dp
  Communicator& ep;    // of these, e consecutive ones, which have other experts
};

class ExpertMlp {
 public:
  /// width → hidden → width in each expert. Parameters `name`.router.weight and those of Experts,
  /// `name`.experts.…; `projection` is the deviation of their last matrices.
  ExpertMlp(const ExpertGroups& groups, const std::string& name, int64_t width, int64_t hidden,
            const ExpertSettings& settings, const Init& init, float projection);

  struct Kept {
    Router::Kept router;
    Experts::Kept experts;
    std::vector<int64_t> rows_to, rows_from;  // of the exchanges
    Tensor places;                            // i32 [tokens × k]: of DispatchPlan
    Tensor sorted, unsorted;                  // i32 [rows that came]: likewise
    Tensor returned;  // [rows that were sent × width]: terms of the experts' results
    auto parts() const { return std::tie(router, experts, places, sorted, unsorted, returned); }
  };

  /// x: [tokens × width], the same on all tp ranks, and any number of tokens on each data rank →
  /// the same shape. An all_gather of counts, two all_to_alls, one all_reduce over tp.
  Tensor forward(const Tensor& x, Kept& kept) const;
  /// dy and dX: [tokens × width], the same on all tp ranks. Two all_to_alls; over tp an all_reduce
  /// of tokens × k, and one of tokens × width.
  Tensor backward(const Tensor& dy, const Kept& kept);

  Parameters parameters();
  Router router;
  Experts experts;

 private:
  ExpertGroups groups_;
  double capacity_;
  ExpertPlace place_;
};

}  // namespace shard
