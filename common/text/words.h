// Words: how GPT-2 cuts a text before it merges bytes. Its pattern,
//     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// is followed by hand here, with the classes of unicode_classes.h: libraries for patterns know
// different versions of Unicode, and so would cut a text differently on different systems.
#pragma once
#include <string_view>
#include <vector>

namespace shard {

/// The words of a text, which together are the text. Throws UsageError where it is not UTF-8.
std::vector<std::string_view> words_of(std::string_view text);

}  // namespace shard
