#include "model/packed_layout.h"

#include <algorithm>
#include <bit>

namespace omnigen::model {
namespace {

std::vector<nn::RowRange> slots_of(const TransformerConfig& config, const PackedSample& sample) {
  std::vector<nn::RowRange> slots;
  int64_t free_from = 0;
  for (const InputImage& image : sample.input_images) {
    const Grid grid = patch_grid(config, image.latent_CHW, "input image");
    TORCH_CHECK(image.start >= free_from && image.end <= std::ssize(sample.input_ids) &&
                    image.end - image.start == grid.tokens(),
                "input image: slot [", image.start, ", ", image.end, ") of ",
                sample.input_ids.size(), " condition tokens does not hold its ", grid.tokens(),
                " tokens, or overlaps the slot before it");
    slots.push_back({image.start, image.end});
    free_from = image.end;
  }
  return slots;
}

}  // namespace

Grid patch_grid(const TransformerConfig& config, const at::Tensor& latent_CHW, const char* what) {
  TORCH_CHECK(latent_CHW.dim() == 3 && latent_CHW.size(0) == config.in_channels &&
                  latent_CHW.size(1) % config.patch_size == 0 &&
                  latent_CHW.size(2) % config.patch_size == 0 && latent_CHW.numel() > 0,
              what, ": latent ", latent_CHW.sizes(), ", expected [", config.in_channels,
              ", h, w] with sides divisible by ", config.patch_size);
  const Grid grid{latent_CHW.size(1) / config.patch_size, latent_CHW.size(2) / config.patch_size};
  TORCH_CHECK(grid.height <= config.pos_embed_max_size && grid.width <= config.pos_embed_max_size,
              what, ": ", grid.height, " x ", grid.width, " patches exceed the position table of ",
              config.pos_embed_max_size, " x ", config.pos_embed_max_size);
  return grid;
}

PackedLayout make_layout(const TransformerConfig& config, const MicroBatch& batch) {
  PackedLayout layout;
  for (const PackedSample& sample : batch) {
    SampleLayout rows;
    rows.begin = layout.num_tokens;
    rows.num_condition = std::ssize(sample.input_ids);
    rows.grid = patch_grid(config, sample.latent_CHW, "output image");
    rows.image_begin = layout.num_image_tokens;
    nn::AttentionSpan span;
    span.key_begin = rows.begin;
    span.query_begin = rows.begin;
    span.num_causal = rows.num_condition + 1;
    span.length = rows.length();
    span.input_images = slots_of(config, sample);
    layout.all_rows.push_back(span);
    span.query_begin = rows.image_begin;
    span.first_query = span.num_causal;
    layout.image_rows.push_back(span);
    layout.num_tokens += rows.length();
    layout.num_image_tokens += rows.grid.tokens();
    layout.samples.push_back(rows);
  }
  layout.num_rows = layout.num_tokens;
  return layout;
}

int64_t rounded_rows(int64_t num_tokens) {
  constexpr int64_t kMostAdded = 64;  // one row in so many
  const auto step = static_cast<int64_t>(
      std::bit_floor(static_cast<uint64_t>(std::max<int64_t>(1, num_tokens / kMostAdded))));
  return (num_tokens + step - 1) / step * step;
}

}  // namespace omnigen::model
