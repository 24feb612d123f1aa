// Learning byte pairs: repeatedly, the most frequent pair of adjacent tokens in the words of a text
// becomes a new token. Sennrich et al., arXiv:1508.07909, algorithm 1.
#pragma once
#include <string>

#include "common/text/byte_pairs.h"

namespace shard {

/// A tokenizer of `vocabulary` tokens, learnt from a text in UTF-8: the 256 bytes, the merged
/// tokens, and <|endoftext|>. Of equally frequent pairs, the one with the smaller numbers comes
/// first, so that all ranks learn the same tokens. Its files are GPT-2's vocab.json and merges.txt.
/// Throws UsageError if the text has too few pairs that occur at least twice.
BytePairs learn_byte_pairs(const std::string& text, int64_t vocabulary);

}  // namespace shard
