// Random numbers keyed by what is drawn, never by rank or step: the same sample gets the same noise
// at any number of ranks and after any resume, and no generator state is ever stored.
//
// Philox4x32-10 (Salmon et al., SC 2011, "Parallel random numbers: as easy as 1, 2, 3"): the key is
// a hash of (seed, purpose, names), the counter is (block, draw).
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <utility>

namespace omnigen::util {

// One block of Philox4x32-10: 128 random bits of a counter and a key, low words first.
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

class SeedStream {
 public:
  // `names` identify the thing drawn for, e.g. {data set id, relative path}; `draw` counts its
  // draws.
  SeedStream(uint64_t seed, std::string_view purpose, std::initializer_list<std::string_view> names,
             uint64_t draw = 0);

  uint32_t next_u32();
  uint64_t next_u64();
  // In [0, 1), 53 bits.
  double uniform();
  // In [0, n), without bias. n > 0.
  uint64_t below(uint64_t n);
  // N(0, 1) by Box-Muller, evaluated in double.
  double normal();
  void fill_normal(std::span<float> out);

  // Fisher-Yates.
  template <class T>
  void shuffle(std::span<T> items) {
    for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  void refill();

  std::array<uint32_t, 2> key_;
  uint64_t draw_;
  uint64_t block_ = 0;
  std::array<uint32_t, 4> buffer_{};
  int used_ = 4;
  bool has_spare_ = false;
  double spare_ = 0.0;
};

}  // namespace omnigen::util
