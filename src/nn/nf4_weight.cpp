#include "nn/nf4_weight.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace omnigen::nn {
namespace {

constexpr int64_t kBlock = 64;
constexpr int64_t kMagnitudeBlock = 256;
constexpr int64_t kChunkBlocks = 1 << 16;  // dequantised at a time: 4 Mi weights

int64_t blocks_of(int64_t count, int64_t block) {
  return (count + block - 1) / block;
}

// [n] -> [blocks, block], the end filled with zeros.
at::Tensor in_blocks(const at::Tensor& values_N, int64_t block) {
  const int64_t missing = blocks_of(values_N.numel(), block) * block - values_N.numel();
  return at::constant_pad_nd(values_N, {0, missing}).view({-1, block});
}

// Both values of each byte, first the high half's.
at::Tensor value_pairs() {
  const at::Tensor values = nf4_values();
  const at::Tensor high = values.repeat_interleave(16);
  return at::stack({high, values.repeat({16})}, 1).contiguous();
}

}  // namespace

at::Tensor nf4_values() {
  return at::tensor(
      {-1.0F, -0.6961928009986877F, -0.5250730514526367F, -0.39491748809814453F,
       -0.28444138169288635F, -0.18477343022823334F, -0.09105003625154495F, 0.0F,
       0.07958029955625534F, 0.16093020141124725F, 0.24611230194568634F, 0.33791524171829224F,
       0.44070982933044434F, 0.5626170039176941F, 0.7229568362236023F, 1.0F},
      at::kFloat);
}

at::Tensor signed_8bit_map() {
  // For each decade, 2^i equal parts of [0.1, 1] by their middles, both signs; 0 and 1.
  std::vector<float> values = {0.0F, 1.0F};
  constexpr int kDecades = 7;
  for (int i = 0; i < kDecades; ++i) {
    const int64_t parts = int64_t{1} << i;
    const at::Tensor bounds = at::linspace(0.1, 1.0, parts + 1, at::kFloat);
    const double decade = std::pow(10.0, i - (kDecades - 1));
    const at::Tensor middles =
        (bounds.narrow(0, 0, parts) + bounds.narrow(0, 1, parts)) / 2 * decade;  // in float32
    for (int64_t k = 0; k < parts; ++k) {
      values.push_back(middles[k].item<float>());
      values.push_back(-values.back());
    }
  }
  std::sort(values.begin(), values.end());
  return at::tensor(values, at::kFloat);
}

BlockCodes encode_blocks(const at::Tensor& values_N, const at::Tensor& map, int64_t block) {
  const at::Tensor values = in_blocks(values_N.to(at::kFloat), block);
  const at::Tensor absmax = values.abs().amax(1, /*keepdim=*/true);
  const at::Tensor relative = at::where(absmax == 0, values, values * absmax.reciprocal());
  // Middles between neighbours, exact in float64: a value on one belongs to the lower neighbour.
  const at::Tensor wide = map.to(values.device(), at::kDouble);
  const int64_t last = wide.numel() - 1;
  const at::Tensor middles = (wide.narrow(0, 0, last) + wide.narrow(0, 1, last)) / 2;
  const at::Tensor codes =
      at::bucketize(relative.to(at::kDouble), middles, /*out_int32=*/true, /*right=*/false);
  return {codes.to(at::kByte).view(-1).narrow(0, 0, values_N.numel()), absmax.view(-1)};
}

Nf4Weight::Nf4Weight(const at::Tensor& weight)
    : FrozenWeight(weight),
      pairs_(value_pairs().to(weight.device())),
      signed_map_(signed_8bit_map().to(weight.device())) {
  const at::Tensor flat = in_blocks(weight.contiguous().view(-1), kBlock).view(-1);
  const BlockCodes blocks = encode_blocks(flat, nf4_values(), kBlock);
  const at::Tensor halves = blocks.codes.view({-1, 2});
  packed_ = halves.select(1, 0).mul(16).add_(halves.select(1, 1)).contiguous();
  offset_ = blocks.absmax.mean();
  const BlockCodes magnitudes =
      encode_blocks(blocks.absmax - offset_, signed_map_, kMagnitudeBlock);
  absmax_codes_ = magnitudes.codes.contiguous();
  absmax_absmax_ = magnitudes.absmax;
}

FrozenWeight::Parts Nf4Weight::parts() const {
  return {{"packed", packed_},
          {"absmax_codes", absmax_codes_},
          {"absmax_absmax", absmax_absmax_},
          {"offset", offset_}};
}

at::Tensor Nf4Weight::absmax() const {
  const at::Tensor decoded =
      in_blocks(signed_map_.index_select(0, absmax_codes_.to(at::kInt)), kMagnitudeBlock) *
      absmax_absmax_.unsqueeze(1);
  return decoded.view(-1).narrow(0, 0, absmax_codes_.numel()) + offset_;
}

at::Tensor Nf4Weight::dequantized() const {
  const at::Tensor magnitudes = absmax().unsqueeze(1);
  const int64_t num_blocks = magnitudes.size(0);
  const at::Tensor flat = at::empty({num_blocks, kBlock}, packed_.options().dtype(dtype()));
  for (int64_t begin = 0; begin < num_blocks; begin += kChunkBlocks) {
    const int64_t count = std::min(kChunkBlocks, num_blocks - begin);
    const at::Tensor bytes = packed_.narrow(0, begin * kBlock / 2, count * kBlock / 2).to(at::kInt);
    flat.narrow(0, begin, count)
        .copy_(pairs_.index_select(0, bytes).view({count, kBlock}) *
               magnitudes.narrow(0, begin, count));
  }
  return flat.view(-1)
      .narrow(0, 0, out_features() * in_features())
      .view({out_features(), in_features()});
}

FrozenWeightPtr Nf4Weight::to(at::Device device) const {
  auto moved = c10::make_intrusive<Nf4Weight>(*this);
  for (at::Tensor* part : {&moved->packed_, &moved->absmax_codes_, &moved->absmax_absmax_,
                           &moved->offset_, &moved->pairs_, &moved->signed_map_}) {
    *part = part->to(device);
  }
  return moved;
}

int64_t nf4_bytes(int64_t num_weights) {
  const int64_t blocks = blocks_of(num_weights, kBlock);
  constexpr int64_t kFloatBytes = 4;
  return blocks * kBlock / 2 + blocks + (blocks_of(blocks, kMagnitudeBlock) + 1) * kFloatBytes;
}

}  // namespace omnigen::nn
