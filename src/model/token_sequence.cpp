// B samples, P rows, D hidden size.
#include "model/token_sequence.h"

namespace omnigen::model {
namespace {

// `text` and `images` are the sample's own rows.
void add_condition_tokens(const PackedSample& sample, const at::Tensor& text,
                          const at::Tensor& images, std::vector<at::Tensor>& pieces) {
  int64_t row = 0;
  int64_t image_row = 0;
  for (const InputImage& image : sample.input_images) {
    const int64_t count = image.end - image.start;
    if (image.start > row) pieces.push_back(text.narrow(0, row, image.start - row));
    pieces.push_back(images.narrow(0, image_row, count));
    image_row += count;
    row = image.end;
  }
  if (text.size(0) > row) pieces.push_back(text.narrow(0, row, text.size(0) - row));
}

}  // namespace

at::Tensor TokenSequence::input_image_tokens(const MicroBatch& batch) const {
  std::vector<at::Tensor> latents;
  for (const PackedSample& sample : batch) {
    for (const InputImage& image : sample.input_images) latents.push_back(image.latent_CHW);
  }
  return latents.empty() ? at::Tensor() : patch_embed_.input_tokens(latents);
}

at::Tensor TokenSequence::pack(const MicroBatch& batch, const PackedLayout& layout,
                               const Tokens& tokens) const {
  const at::Tensor text = at::embedding(embed_tokens_, tokens.ids);
  const at::Tensor input_images = input_image_tokens(batch);
  std::vector<at::Tensor> latents;
  for (const PackedSample& sample : batch) latents.push_back(sample.latent_CHW);
  const at::Tensor images = patch_embed_.output_tokens(latents);
  std::vector<at::Tensor> pieces;
  int64_t text_row = 0;
  int64_t input_row = 0;
  for (size_t i = 0; i < batch.size(); ++i) {
    const SampleLayout& rows = layout.samples[i];
    int64_t input_count = 0;
    for (const InputImage& image : batch[i].input_images) input_count += image.end - image.start;
    add_condition_tokens(
        batch[i], text.narrow(0, text_row, rows.num_condition),
        input_count > 0 ? input_images.narrow(0, input_row, input_count) : at::Tensor(), pieces);
    pieces.push_back(tokens.time_BD.narrow(0, static_cast<int64_t>(i), 1));
    pieces.push_back(images.narrow(0, rows.image_begin, rows.grid.tokens()));
    text_row += rows.num_condition;
    input_row += input_count;
  }
  if (layout.num_rows > layout.num_tokens) {
    pieces.push_back(
        at::zeros({layout.num_rows - layout.num_tokens, text.size(1)}, text.options()));
  }
  return at::cat(pieces, 0);
}

}  // namespace omnigen::model
