// caption_shuffle: the parts of a caption in other orders.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace omnigen::data {

struct CaptionShuffle {
  bool enable = false;
  int64_t count = 1;
  uint64_t seed = 42;
  std::string split_on = "comma";  // comma, space, period
  int64_t position_start = 0;      // so many parts stay in front
  bool include_original = true;
};

// The caption (trimmed) and `count` of its permutations, keyed by (seed, caption, number); only
// itself where fewer than two parts may move; nothing for an empty caption. Repeats are possible.
std::vector<std::string> shuffled_captions(const CaptionShuffle& shuffle, std::string_view caption);

}  // namespace omnigen::data
