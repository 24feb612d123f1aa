// Learning byte pairs: the pair of neighbouring tokens that stands most often in the words of a
// text becomes a token, again and again. Sennrich et al., arXiv:1508.07909, algorithm 1.
#pragma once
#include <string>

#include "common/text/byte_pairs.h"

namespace shard {

/// A tokenizer of `vocabulary` tokens, learnt from a text in UTF-8: the 256 bytes, what is merged
/// of them, and <|endoftext|>. Of pairs that stand equally often, that with the smaller numbers
/// comes first: all ranks learn the same. Its files are GPT-2's vocab.json and merges.txt. Throws
/// UsageError where the text has not enough pairs that stand there twice.
BytePairs learn_byte_pairs(const std::string& text, int64_t vocabulary);

}  // namespace shard
