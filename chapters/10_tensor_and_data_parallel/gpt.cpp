#include "chapters/10_tensor_and_data_parallel/basic_gpt.h"

namespace shard {

template class BasicGpt<TransformerBlock>;

}  // namespace shard
