// Images with a known pattern, and files with known content.
#pragma once

#include <fstream>
#include <string>

#include "data/image.h"
#include "util/seed_stream.h"

namespace omnigen::test {

inline data::Image noise_image(int64_t width, int64_t height, uint64_t seed = 1) {
  data::Image image{width, height, std::vector<uint8_t>(static_cast<size_t>(width * height * 3))};
  util::SeedStream stream(seed, "test image", {});
  for (uint8_t& value : image.pixels) value = static_cast<uint8_t>(stream.next_u32());
  return image;
}

// Red grows to the right, green downwards, blue is constant.
inline data::Image gradient_image(int64_t width, int64_t height) {
  data::Image image{width, height, {}};
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      image.pixels.push_back(static_cast<uint8_t>(x * 255 / std::max<int64_t>(width - 1, 1)));
      image.pixels.push_back(static_cast<uint8_t>(y * 255 / std::max<int64_t>(height - 1, 1)));
      image.pixels.push_back(77);
    }
  }
  return image;
}

inline void write_file(const std::filesystem::path& path, const std::string& bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace omnigen::test
