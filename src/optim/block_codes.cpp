#include "optim/block_codes.h"

#include <cmath>
#include <vector>

namespace omnigen::optim {
namespace {

constexpr int64_t kBlockSize = 256;
constexpr int kDecades = 7;

at::Tensor dynamic_map(BlockCodebook::Range range) {
  const bool is_signed = range == BlockCodebook::Range::kSigned;
  std::vector<at::Tensor> parts = {at::tensor({0.0F, 1.0F})};
  for (int i = 0; i < kDecades; ++i) {
    const int64_t num_parts = int64_t{1} << (is_signed ? i : i + 1);
    const at::Tensor bounds = at::linspace(0.1, 1.0, num_parts + 1, at::kFloat);
    const at::Tensor middles =
        (bounds.narrow(0, 0, num_parts) + bounds.narrow(0, 1, num_parts)).div_(2.0);
    parts.push_back(middles * std::pow(10.0, i - (kDecades - 1)));
    if (is_signed) parts.push_back(-parts.back());
  }
  return std::get<0>(at::cat(parts).sort());
}

// [blocks, 256], the last row filled up with zeros.
at::Tensor in_blocks(const at::Tensor& flat) {
  const int64_t missing = (kBlockSize - flat.numel() % kBlockSize) % kBlockSize;
  return at::constant_pad_nd(flat, {0, missing}).view({-1, kBlockSize});
}

at::Tensor from_blocks(const at::Tensor& blocks, at::IntArrayRef shape) {
  return blocks.flatten().narrow(0, 0, c10::multiply_integers(shape)).view(shape);
}

}  // namespace

BlockCodebook::BlockCodebook(Range range, at::Device device)
    : map_(dynamic_map(range).to(device)),
      midpoints_(
          (map_.narrow(0, 0, map_.numel() - 1) + map_.narrow(0, 1, map_.numel() - 1)).div_(2.0)) {}

BlockCodes BlockCodebook::zeros(at::IntArrayRef shape) const {
  const int64_t num_blocks = (c10::multiply_integers(shape) + kBlockSize - 1) / kBlockSize;
  return {at::zeros(shape, map_.options().dtype(at::kByte)),
          at::zeros({num_blocks}, map_.options())};
}

void BlockCodebook::encode(const at::Tensor& values, BlockCodes& into) const {
  const at::Tensor blocks = in_blocks(values.flatten());
  const at::Tensor absmax = blocks.abs().amax(1);
  // A block of zeros has no scale; its elements get the code of 0.
  const at::Tensor scale = absmax.reciprocal().masked_fill_(absmax == 0, 0.0);
  const at::Tensor scaled = (blocks * scale.unsqueeze(1)).clamp_(-1.0, 1.0);
  into.codes.copy_(
      from_blocks(at::bucketize(scaled, midpoints_, /*out_int32=*/true), values.sizes()));
  into.absmax.copy_(absmax);
}

at::Tensor BlockCodebook::decode(const BlockCodes& codes) const {
  const at::Tensor blocks = in_blocks(map_.index_select(0, codes.codes.flatten().to(at::kInt)));
  return from_blocks(blocks * codes.absmax.unsqueeze(1), codes.codes.sizes());
}

}  // namespace omnigen::optim
