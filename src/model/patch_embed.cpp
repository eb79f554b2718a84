// C latent channels, p patch size, N image tokens, D hidden size, S side of the position table.
#include "model/patch_embed.h"

#include "nn/linear.h"
#include "nn/position_table.h"

namespace omnigen::model {
namespace {

// Components of a patch are (channel, row, column). Shapes: [C, h, w] -> [N, C·p·p].
at::Tensor patchify(const at::Tensor& latent, int64_t patch_size) {
  const int64_t height = latent.size(1) / patch_size;
  const int64_t width = latent.size(2) / patch_size;
  return latent.reshape({latent.size(0), height, patch_size, width, patch_size})
      .permute({1, 3, 0, 2, 4})
      .reshape({height * width, -1});
}

at::Tensor joined(const std::vector<at::Tensor>& pieces) {
  return pieces.size() == 1 ? pieces[0] : at::cat(pieces, 0);
}

}  // namespace

PatchEmbed::PatchEmbed(const TransformerConfig& config, Projection output, Projection input,
                       at::Tensor table)
    : config_(config),
      output_(std::move(output)),
      input_(std::move(input)),
      table_(std::move(table)) {}

at::Tensor PatchEmbed::output_tokens(const std::vector<at::Tensor>& latents) const {
  return embed(latents, output_);
}
at::Tensor PatchEmbed::input_tokens(const std::vector<at::Tensor>& latents) const {
  return embed(latents, input_);
}

at::Tensor PatchEmbed::embed(const std::vector<at::Tensor>& latents,
                             const Projection& projection) const {
  std::vector<at::Tensor> patches;
  std::vector<at::Tensor> places;
  for (const at::Tensor& latent : latents) {
    patches.push_back(patchify(latent, config_.patch_size));
    places.push_back(positions(patch_grid(config_, latent, "latent")));
  }
  const at::Tensor& weight = projection.weight;
  const at::Tensor packed = joined(patches).to(weight.device(), weight.scalar_type());
  const nn::Linear linear{weight.view({weight.size(0), -1}), projection.bias, nullptr};
  return linear.forward(packed) + joined(places);
}

at::Tensor PatchEmbed::table() const {
  if (table_.defined()) return table_;
  return nn::whole_position_table(config_.pos_embed_max_size, config_.hidden_size,
                                  output_.weight.scalar_type());
}

at::Tensor PatchEmbed::positions(const Grid& grid) const {
  const std::lock_guard lock(mutex_);
  at::Tensor& crop = crops_[{grid.height, grid.width}];
  if (!crop.defined()) {
    const int64_t side = config_.pos_embed_max_size;
    const nn::GridCrop at = nn::central_crop(side, grid.height, grid.width);
    const at::Tensor rows = table_.defined() ? table_.view({side, side, -1})
                                                   .narrow(0, at.top, at.height)
                                                   .narrow(1, at.left, at.width)
                                                   .reshape({grid.tokens(), -1})
                                             : nn::position_table(side, config_.hidden_size, at);
    crop = rows.to(output_.weight.device(), output_.weight.scalar_type());
  }
  return crop;
}

at::Tensor unpatchify(const at::Tensor& tokens_NC, const Grid& grid, int64_t patch_size) {
  return tokens_NC.reshape({grid.height, grid.width, patch_size, patch_size, -1})
      .permute({4, 0, 2, 1, 3})
      .reshape({-1, grid.height * patch_size, grid.width * patch_size});
}

}  // namespace omnigen::model
