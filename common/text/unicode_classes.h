// The classes of characters in the definition of GPT-2's words.
#pragma once

namespace shard {

enum class CharacterClass { other, letter, number, space };

/// By Unicode 16.0: general categories L and N, and White_Space.
CharacterClass class_of(char32_t point);

}  // namespace shard
