// Words: how GPT-2 cuts a text before it merges bytes. Its pattern,
//     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// is implemented by hand here, with the classes of unicode_classes.h: regular-expression libraries
// use different versions of Unicode, and would cut a text differently on different systems.
#pragma once
#include <string_view>
#include <vector>

namespace shard {

/// The words of a text; concatenated, they are the text. Throws UsageError if it is not UTF-8.
std::vector<std::string_view> words_of(std::string_view text);

}  // namespace shard
