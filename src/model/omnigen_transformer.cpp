// B samples, P packed tokens, N output-image tokens, D hidden size, d head dim.
#include "model/omnigen_transformer.h"

#include <algorithm>
#include <optional>

#include "model/block_pass.h"
#include "model/packed_layout.h"
#include "model/patch_embed.h"
#include "model/token_sequence.h"
#include "model/transformer_block.h"
#include "nn/ada_norm.h"
#include "nn/checkpoint_segment.h"
#include "nn/explicit_linear.h"
#include "nn/parallel.h"
#include "nn/rms_norm.h"
#include "nn/rotary.h"
#include "nn/timestep_embedding.h"
#include "nn/upload.h"
#include "util/profile.h"

namespace omnigen::model {
namespace {

constexpr double kFinalNormEps = 1e-6;

using Weights = TransformerWeights;
using ParametersOf = std::function<std::vector<at::Tensor>(int64_t)>;

const at::Tensor& weight_at(const Weights& weights, const std::string& name) {
  const auto found = weights.dense.find(name);
  TORCH_CHECK(found != weights.dense.end(), "transformer: weight '", name, "' is missing");
  return found->second;
}

nn::Linear linear_at(const Weights& weights, const std::string& name) {
  nn::Linear linear;
  const auto compact = weights.compact.find(name + ".weight");
  if (compact != weights.compact.end()) {
    linear.frozen = compact->second;
  } else {
    linear.weight = weight_at(weights, name + ".weight");
  }
  const auto bias = weights.dense.find(name + ".bias");
  if (bias != weights.dense.end()) linear.bias = bias->second;
  return linear;
}

PatchEmbed::Projection projection_at(const Weights& weights, const std::string& name) {
  return {weight_at(weights, name + ".weight"), weight_at(weights, name + ".bias")};
}

at::Tensor table_in(const Weights& weights) {
  const auto found = weights.dense.find(kPositionTable);
  return found == weights.dense.end() ? at::Tensor() : found->second;
}

struct TimeMlp {
  nn::Linear linear_1;
  nn::Linear linear_2;

  [[nodiscard]] at::Tensor forward(const at::Tensor& features) const {
    return linear_2.forward(at::silu(linear_1.forward(features)));
  }
};

TimeMlp time_mlp_at(const Weights& weights, const std::string& name) {
  return {linear_at(weights, name + ".linear_1"), linear_at(weights, name + ".linear_2")};
}

TransformerBlock block_at(const Weights& weights, const TransformerConfig& config, int64_t index) {
  const std::string block = "layers." + std::to_string(index);
  const std::string attention = block + ".self_attn.";
  return {weight_at(weights, block + ".input_layernorm.weight"),
          linear_at(weights, attention + "to_q"),
          linear_at(weights, attention + "to_k"),
          linear_at(weights, attention + "to_v"),
          linear_at(weights, attention + "to_out.0"),
          weight_at(weights, block + ".post_attention_layernorm.weight"),
          linear_at(weights, block + ".mlp.gate_up_proj"),
          linear_at(weights, block + ".mlp.down_proj"),
          config.rms_norm_eps,
          config.num_attention_heads};
}

nn::RotaryOptions rotary_options(const TransformerConfig& config) {
  return {config.head_dim(),
          config.rope_base,
          config.rope_short_factor,
          config.rope_long_factor,
          config.original_max_position_embeddings,
          config.max_position_embeddings};
}

}  // namespace

struct OmniGenTransformer::Impl {
  Impl(const TransformerConfig& model_config, Weights weights)
      : config(model_config),
        patch_embed(config, projection_at(weights, "patch_embedding.output_image_proj"),
                    projection_at(weights, "patch_embedding.input_image_proj"), table_in(weights)),
        time_token(time_mlp_at(weights, "time_token")),
        t_embedder(time_mlp_at(weights, "t_embedder")),
        embed_tokens(weight_at(weights, "embed_tokens.weight")),
        rotary(rotary_options(config)),
        norm(weight_at(weights, "norm.weight")),
        modulation(linear_at(weights, "norm_out.linear")),
        proj_out(linear_at(weights, "proj_out")) {
    blocks.reserve(static_cast<size_t>(config.num_layers));
    for (int64_t i = 0; i < config.num_layers; ++i) {
      blocks.push_back(block_at(weights, config, i));
    }
    for (const auto& [name, shape] : trained_shapes(config)) {
      const auto compact = weights.compact.find(name);
      if (compact != weights.compact.end()) {
        TORCH_CHECK(compact->second->out_features() == shape[0] &&
                        compact->second->in_features() == shape[1],
                    "transformer: weight '", name, "' is ", compact->second->out_features(), "x",
                    compact->second->in_features(), ", expected ", at::IntArrayRef(shape));
        named.emplace_back(name, at::Tensor());  // made when asked for
        continue;
      }
      const at::Tensor& weight = weight_at(weights, name);
      TORCH_CHECK(weight.sizes() == at::IntArrayRef(shape), "transformer: weight '", name, "' is ",
                  weight.sizes(), ", expected ", at::IntArrayRef(shape));
      named.emplace_back(name, weight);
    }
  }

  BatchFeatures upload(const MicroBatch& batch) const;
  std::vector<at::Tensor> forward(const MicroBatch& batch, const BatchFeatures& features,
                                  size_t num_blocks) const;
  nn::RotaryAngles angles(const PackedLayout& layout) const;
  // Shapes: [P, D] -> output-image rows [N, D].
  Stream run_blocks(at::Tensor tokens, const PackedLayout& layout,
                    const nn::RotaryAngles& key_angles, size_t num_blocks) const;
  Stream run_block(size_t index, const Stream& in, const BlockContext& context) const;
  std::vector<at::Tensor> velocities(const Stream& stream, const PackedLayout& layout,
                                     const at::Tensor& time_embedding) const;
  std::map<std::string, nn::Linear*> linears();
  // Whether rows behind the samples' are computed with the others and change nothing.
  bool treats_rows_alike() const;
  at::ScalarType dtype() const { return embed_tokens.scalar_type(); }
  at::Device device() const { return embed_tokens.device(); }
  void observe(const std::string& name, const at::Tensor& value) const {
    if (observer) observer(name, value);
  }

  TransformerConfig config;
  PatchEmbed patch_embed;
  TimeMlp time_token;
  TimeMlp t_embedder;
  at::Tensor embed_tokens;
  nn::RotaryTable rotary;
  std::vector<TransformerBlock> blocks;  // never resized: the module tree points into it
  at::Tensor norm;
  nn::Linear modulation;
  nn::Linear proj_out;
  std::vector<std::pair<std::string, at::Tensor>> named;
  StageObserver observer;
  std::vector<Recompute> recompute;
  ParametersOf parameters_of;
};

nn::RotaryAngles OmniGenTransformer::Impl::angles(const PackedLayout& layout) const {
  std::vector<at::Tensor> cos;
  std::vector<at::Tensor> sin;
  for (const SampleLayout& rows : layout.samples) {
    const nn::RotaryAngles of_sample = rotary.angles(rows.length(), device());
    cos.push_back(of_sample.cos);
    sin.push_back(of_sample.sin);
  }
  if (layout.num_rows > layout.num_tokens) {
    const at::Tensor rest =
        at::zeros({layout.num_rows - layout.num_tokens, cos[0].size(1)}, cos[0].options());
    cos.push_back(rest);
    sin.push_back(rest);
  }
  if (cos.size() == 1) return {cos[0], sin[0]};
  return {at::cat(cos, 0), at::cat(sin, 0)};
}

bool OmniGenTransformer::Impl::treats_rows_alike() const {
  if (observer || !nn::has_row_kernels(embed_tokens)) return false;
  return std::all_of(blocks.begin(), blocks.end(), [](const TransformerBlock& block) {
    const auto layers = block.layers();
    return std::all_of(layers.begin(), layers.end(),
                       [](const nn::Linear* layer) { return nn::has_fixed_adapter(*layer); });
  });
}

Stream OmniGenTransformer::Impl::run_block(size_t index, const Stream& in,
                                           const BlockContext& context) const {
  const TransformerBlock& block = blocks[index];
  const Recompute again = index < recompute.size() ? recompute[index] : Recompute::kNone;
  if (!at::GradMode::is_enabled()) return block.forward(in, context);
  if (runs_as_one(block, in)) return block_as_one(block, in, context, again);
  if (again == Recompute::kNone) return block.forward(in, context);
  // The context is copied: backward recomputes after this call has returned.
  const auto segment = [&block, spans = context.spans, keys = context.key_angles,
                        queries = context.query_angles,
                        rows = context.query_rows](const at::Tensor& x) {
    return block.forward({x, {}}, {spans, keys, queries, rows}).sum();
  };
  const auto parameters =
      parameters_of ? parameters_of(static_cast<int64_t>(index)) : std::vector<at::Tensor>();
  return {nn::checkpoint_segment(segment, in.sum(), parameters), {}};
}

Stream OmniGenTransformer::Impl::run_blocks(at::Tensor tokens, const PackedLayout& layout,
                                            const nn::RotaryAngles& key_angles,
                                            size_t num_blocks) const {
  std::vector<nn::RowRange> image_rows;
  for (const SampleLayout& rows : layout.samples) {
    image_rows.push_back({rows.begin + rows.num_condition + 1, rows.begin + rows.length()});
  }
  const nn::RotaryAngles image_angles{take_rows(key_angles.cos, image_rows),
                                      take_rows(key_angles.sin, image_rows)};
  const std::vector<nn::RowRange> every_row;
  Stream stream{std::move(tokens), {}};
  for (size_t i = 0; i < num_blocks; ++i) {
    // After the last block nothing reads the text rows; an observer may.
    const bool only_images = i + 1 == num_blocks && !observer;
    stream = only_images
                 ? run_block(i, stream, {layout.image_rows, key_angles, image_angles, image_rows})
                 : run_block(i, stream, {layout.all_rows, key_angles, key_angles, every_row});
    if (observer) observe("layer_" + std::to_string(i), stream.sum());
    if (only_images) return stream;
  }
  return {take_rows(stream.value, image_rows),
          stream.pending.defined() ? take_rows(stream.pending, image_rows) : at::Tensor()};
}

std::vector<at::Tensor> OmniGenTransformer::Impl::velocities(
    const Stream& stream, const PackedLayout& layout, const at::Tensor& time_embedding) const {
  const util::Span span("output");
  const at::Tensor normed =
      nn::add_rms_norm(stream.value, stream.pending, norm, config.rms_norm_eps).normed;
  const at::Tensor modulations = modulation.forward(at::silu(time_embedding));
  std::vector<at::Tensor> modulated;
  for (size_t i = 0; i < layout.samples.size(); ++i) {
    const SampleLayout& rows = layout.samples[i];
    modulated.push_back(nn::ada_norm(normed.narrow(0, rows.image_begin, rows.grid.tokens()),
                                     modulations[static_cast<int64_t>(i)], kFinalNormEps));
  }
  const at::Tensor packed = modulated.size() == 1 ? modulated[0] : at::cat(modulated, 0);
  observe("modulated", packed);
  const at::Tensor out = proj_out.forward(packed).to(at::kFloat);
  std::vector<at::Tensor> result;
  for (const SampleLayout& rows : layout.samples) {
    result.push_back(unpatchify(out.narrow(0, rows.image_begin, rows.grid.tokens()), rows.grid,
                                config.patch_size));
  }
  return result;
}

BatchFeatures OmniGenTransformer::Impl::upload(const MicroBatch& batch) const {
  std::vector<float> times;
  std::vector<int64_t> ids;
  for (const PackedSample& sample : batch) {
    times.push_back(static_cast<float>(sample.timestep));
    ids.insert(ids.end(), sample.input_ids.begin(), sample.input_ids.end());
  }
  for (const int64_t id : ids) {
    TORCH_CHECK(id >= 0 && id < config.vocab_size, "transformer: token id ", id,
                " is outside the vocabulary of ", config.vocab_size);
  }
  const at::Tensor features =
      nn::timestep_embedding(at::tensor(times, at::kFloat), config.time_step_dim).to(dtype());
  return {nn::upload(at::tensor(ids, at::kLong), device()), nn::upload(features, device())};
}

std::vector<at::Tensor> OmniGenTransformer::Impl::forward(const MicroBatch& batch,
                                                          const BatchFeatures& features,
                                                          size_t num_blocks) const {
  if (batch.empty()) return {};
  std::optional<util::Span> embedding(std::in_place, "embedding");
  PackedLayout layout = make_layout(config, batch);
  if (treats_rows_alike()) layout.num_rows = rounded_rows(layout.num_tokens);
  const at::Tensor time_tokens = time_token.forward(features.times);
  const at::Tensor time_embedding = t_embedder.forward(features.times);
  const nn::RotaryAngles key_angles = angles(layout);
  const at::Tensor tokens =
      TokenSequence{embed_tokens, patch_embed}.pack(batch, layout, {features.ids, time_tokens});
  embedding.reset();
  if (observer) {
    observe("time_token", time_tokens);
    observe("time_embedding", time_embedding);
    observe("rope_cos", at::cat({key_angles.cos, key_angles.cos}, 1));
    observe("rope_sin", at::cat({key_angles.sin, key_angles.sin}, 1));
    observe("sequence", tokens);
  }
  return velocities(run_blocks(tokens, layout, key_angles, num_blocks), layout, time_embedding);
}

OmniGenTransformer::OmniGenTransformer(const TransformerConfig& config, TransformerWeights weights)
    : impl_(std::make_unique<Impl>(config, std::move(weights))) {}
OmniGenTransformer::~OmniGenTransformer() = default;

std::vector<at::Tensor> OmniGenTransformer::forward(const MicroBatch& batch,
                                                    std::optional<int64_t> blocks) const {
  return impl_->forward(batch, impl_->upload(batch),
                        static_cast<size_t>(blocks.value_or(config().num_layers)));
}
BatchFeatures OmniGenTransformer::upload(const MicroBatch& batch) const {
  return impl_->upload(batch);
}
std::vector<at::Tensor> OmniGenTransformer::forward(const MicroBatch& batch,
                                                    const BatchFeatures& features) const {
  return impl_->forward(batch, features, static_cast<size_t>(config().num_layers));
}

void OmniGenTransformer::set_stage_observer(StageObserver observer) {
  impl_->observer = std::move(observer);
}

void OmniGenTransformer::set_recompute(std::vector<Recompute> of_block,
                                       ParametersOf parameters_of) {
  impl_->recompute = std::move(of_block);
  impl_->parameters_of = std::move(parameters_of);
}

const TransformerConfig& OmniGenTransformer::config() const {
  return impl_->config;
}
std::vector<std::pair<std::string, at::Tensor>> OmniGenTransformer::named_weights() const {
  auto named = impl_->named;
  const auto linears = impl_->linears();
  for (auto& [name, weight] : named) {  // an adapter may have been merged into a new weight
    const size_t dot = name.rfind('.');
    const auto linear = linears.find(name.substr(0, dot));
    if (linear == linears.end()) continue;
    weight = name.substr(dot) == ".bias" ? linear->second->bias : linear->second->dense_weight();
  }
  return named;
}
at::Tensor OmniGenTransformer::position_table() const {
  return impl_->patch_embed.table();
}
at::ScalarType OmniGenTransformer::dtype() const {
  return impl_->dtype();
}
at::Device OmniGenTransformer::device() const {
  return impl_->device();
}

std::map<std::string, nn::Linear*> OmniGenTransformer::Impl::linears() {
  std::map<std::string, nn::Linear*> linears = {{"time_token.linear_1", &time_token.linear_1},
                                                {"time_token.linear_2", &time_token.linear_2},
                                                {"t_embedder.linear_1", &t_embedder.linear_1},
                                                {"t_embedder.linear_2", &t_embedder.linear_2},
                                                {"norm_out.linear", &modulation},
                                                {"proj_out", &proj_out}};
  for (size_t i = 0; i < blocks.size(); ++i) {
    TransformerBlock& block = blocks[i];
    const std::string name = "layers." + std::to_string(i);
    linears[name + ".self_attn.to_q"] = &block.to_q;
    linears[name + ".self_attn.to_k"] = &block.to_k;
    linears[name + ".self_attn.to_v"] = &block.to_v;
    linears[name + ".self_attn.to_out.0"] = &block.to_out;
    linears[name + ".mlp.gate_up_proj"] = &block.gate_up_proj;
    linears[name + ".mlp.down_proj"] = &block.down_proj;
  }
  return linears;
}

nn::ModuleTree OmniGenTransformer::module_tree() {
  const auto linears = impl_->linears();
  nn::ModuleTree tree = model::module_tree(impl_->config);
  for (nn::ModuleInfo& module : tree) {
    if (module.is_linear()) module.linear = linears.at(module.name);
  }
  return tree;
}

}  // namespace omnigen::model
