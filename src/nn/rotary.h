// Rotary position embedding with "su" (LongRoPE) scaling: two frequency lists, chosen by length,
// and a constant output scale.
//
// Source: diffusers models/transformers/transformer_omnigen.py (class
// OmniGenSuScaledRotaryEmbedding); arXiv:2104.09864, arXiv:2402.13753.
#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <mutex>
#include <vector>

namespace omnigen::nn {

struct RotaryOptions {
  int64_t head_dim = 0;
  double base = 10000.0;
  std::vector<double> short_factor;  // head_dim / 2 entries each
  std::vector<double> long_factor;
  int64_t original_max_positions = 0;
  int64_t max_positions = 0;
};

// Scaled cosines and sines. Shapes: [positions, head_dim / 2], float32.
struct RotaryAngles {
  at::Tensor cos;
  at::Tensor sin;
};

class RotaryTable {
 public:
  explicit RotaryTable(RotaryOptions options);

  // Positions 0 .. length-1 of a sequence of that length: the long list above
  // original_max_positions. Computed once per list and grown as needed; a view of the table.
  RotaryAngles angles(int64_t length, at::Device device) const;
  bool uses_long_list(int64_t length) const { return length > options_.original_max_positions; }
  // sqrt(1 + ln(max/original) / ln(original)), 1 where nothing is extended.
  double scale() const;
  // 1 / (factor_k · base^(2k/d)). Shapes: [head_dim / 2], float32.
  at::Tensor inverse_frequencies(bool long_list) const;

 private:
  RotaryAngles compute(int64_t positions, bool long_list) const;

  RotaryOptions options_;
  mutable std::mutex mutex_;
  mutable std::array<RotaryAngles, 2> tables_;  // by list
};

// Rotates every head of every token by its angles: [x1, x2] -> [x1·cos - x2·sin, x2·cos + x1·sin]
// (pairs k, k + d/2), in float32, rounded once to x's dtype. Shapes: x [P, H·d], cos and sin [P,
// d/2].
at::Tensor rotate_half(const at::Tensor& x_PD, const RotaryAngles& angles);

// The same in place and without a graph; `kBack` is its transpose, which backward needs. Contiguous
// x and angles, where has_row_kernels().
enum class Turn { kForth, kBack };
void rotate_half_in_place(const at::Tensor& x_PD, const RotaryAngles& angles, Turn turn);

}  // namespace omnigen::nn
