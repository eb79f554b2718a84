// An 8-bit RGB image in memory.
#pragma once

#include <cstdint>
#include <vector>

namespace omnigen::data {

struct Image {
  int64_t width = 0;
  int64_t height = 0;
  std::vector<uint8_t> pixels;  // height * width * 3, row-major, RGB

  [[nodiscard]] bool empty() const { return pixels.empty(); }
};

}  // namespace omnigen::data
