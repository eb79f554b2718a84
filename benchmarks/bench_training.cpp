#include "bench_training.h"

#include <ATen/CPUGeneratorImpl.h>
#include <fmt/format.h>

#include "adapter/lycoris_config.h"
#include "io/shard_reader.h"
#include "io/shard_writer.h"
#include "model/weight_placer.h"
#include "workload.h"

namespace omnigen::bench {
namespace {

constexpr double kLearningRate = 4e-5;
constexpr double kClipValue = 0.01;

// The round's samples in a shard, latents in float32 as the peer's .pt files have them.
class WorkloadDataset : public data::Dataset {
 public:
  WorkloadDataset(const std::filesystem::path& folder, const Sides& px)
      : reader_(write(folder / "bench.h5", px)) {
    auto generator = at::detail::createCPUGenerator(1);
    for (size_t i = 0; i < kTextLengths.size(); ++i) {
      const int64_t side = side_of(px, i);
      metas_.push_back({reader_.groups()[i].plan.paths[0], "1.0", side, side, 1});
      const at::Tensor ids = at::randint(3, 32000, {kTextLengths[i]}, generator, at::kLong);
      token_ids_.emplace_back(ids.data_ptr<int64_t>(), ids.data_ptr<int64_t>() + ids.numel());
    }
  }

  [[nodiscard]] const std::string& id() const override { return reader_.dataset_id(); }
  [[nodiscard]] int64_t size() const override { return std::ssize(metas_); }
  [[nodiscard]] const data::RecordMeta& meta(int64_t record) const override {
    return metas_.at(static_cast<size_t>(record));
  }
  [[nodiscard]] at::Tensor latent(int64_t record) const override {
    return reader_.latent(record, 0);
  }
  [[nodiscard]] std::string caption(int64_t record, int64_t /*variant*/) const override {
    return meta(record).path;
  }
  [[nodiscard]] std::vector<int64_t> token_ids(int64_t record, int64_t /*variant*/) const override {
    return token_ids_.at(static_cast<size_t>(record));
  }
  [[nodiscard]] std::string fingerprint() const override { return reader_.digest(); }

 private:
  // A sample is a group of its own.
  static std::filesystem::path write(const std::filesystem::path& path, const Sides& px) {
    io::ShardPlan plan;
    plan.dataset_id = "bench";
    plan.latent_dtype = at::kFloat;
    for (size_t i = 0; i < kTextLengths.size(); ++i) {
      const int64_t side = side_of(px, i);
      plan.groups.push_back(
          {fmt::format("{}", i), side, side, {4, side / 8, side / 8}, {fmt::format("{}.jpg", i)}});
    }
    auto generator = at::detail::createCPUGenerator(0);
    io::ShardWriter writer(path, plan);
    for (size_t i = 0; i < plan.groups.size(); ++i) {
      const int64_t side = side_of(px, i) / 8;
      writer.write(static_cast<int64_t>(i), 0, {}, at::randn({4, side, side}, generator));
    }
    writer.finish();
    return path;
  }

  io::ShardReader reader_;
  std::vector<data::RecordMeta> metas_;
  std::vector<std::vector<int64_t>> token_ids_;
};

std::unique_ptr<model::OmniGenTransformer> make_transformer(const TrainingOptions& options) {
  auto shapes = model::weight_shapes(options.config);
  std::erase_if(shapes, [](const auto& entry) { return entry.first.ends_with("pos_embed"); });
  model::Placement placement{options.dtype, options.device};
  if (options.int8_base) placement.format = nn::WeightFormat::kInt8Dynamic;
  model::WeightPlacer placer(options.config, placement);
  for (const auto& [name, weight] : random_weights(shapes, options.dtype, options.device)) {
    placer.add(name, weight);
  }
  return std::make_unique<model::OmniGenTransformer>(options.config, placer.take());
}

// As after some training: with the factors' zeros nothing would be wrong with a broken delta.
void fill_second_factors(const adapter::AdapterSet& adapters) {
  const at::NoGradGuard no_grad;
  auto generator = at::detail::createCPUGenerator(2);
  for (const auto& [name, value] : adapters.parameters()) {
    if (!name.ends_with("lokr_w2")) continue;
    at::Tensor leaf = value;
    leaf.copy_(at::randn(value.sizes(), generator) * 1e-3);
  }
}

}  // namespace

Training::Training(const TrainingOptions& options, comm::ProcessGroup& group)
    : options_(options),
      transformer_(make_transformer(options)),
      adapters_(adapter::LycorisConfig::from_json(lycoris_config(options.adapt), "benchmark"),
                transformer_->module_tree(), 0, options.device),
      group_(group) {
  fill_second_factors(adapters_);
  for (const auto& [name, value] : adapters_.parameters()) parameters_.push_back({name, value});
  gradients_ = std::make_unique<optim::FlatGradients>(parameters_);
  optimizer_ = std::make_unique<optim::AdamW>(parameters_, optim::AdamWOptions{});
  if (options.checkpointing) {
    const auto layers = static_cast<size_t>(transformer_->config().num_layers);
    const std::vector<model::Recompute> every_block(layers, model::Recompute::kFull);
    transformer_->set_recompute(every_block, [this](int64_t block) {
      return adapters_.parameters_below(fmt::format("layers.{}.", block));
    });
  }
  optim::ClipOptions clip;
  clip.method = optim::ClipMethod::kValue;
  clip.limit = kClipValue;
  if (options.graphs) recorder_ = comm::make_recorder(options.device);
  step_ = std::make_unique<train::TrainStep>(train::TrainStep::Parts{
      *transformer_, &adapters_, *gradients_, *optimizer_, group_, clip, nullptr, recorder_.get()});

  const train::LoaderSet set{{std::make_shared<WorkloadDataset>(folder_.path(), options.px), 0},
                             false};
  loader_ = std::make_shared<train::SampleLoader>(std::vector<train::LoaderSet>{set},
                                                  train::LoaderOptions{});
  batches_ = std::make_unique<train::BatchStream>(
      train::BatchStream::Source{loader_, train::SampleCost(options.config, false)}, 0,
      data::BatchShape{options.batch, 1, 1}, 0, data::Cursor{}, 2);
}

train::StepResult Training::step(std::vector<train::TrainMicroBatch> micro_batches) {
  for (train::TrainMicroBatch& batch : micro_batches) {
    for (train::TrainSample& sample : batch) sample.place = -1;  // of this rank's stream: no place
  }
  return step_->run(micro_batches, kLearningRate);
}

void Training::check() {
  train::TrainMicroBatch packed;
  std::vector<train::TrainMicroBatch> alone;
  for (int64_t i = 0; i < std::ssize(kTextLengths); ++i) {
    packed.push_back(loader_->load(data::SampleRef{0, i, 0}));
    alone.push_back({packed.back()});
  }
  train::TrainStep unclipped({*transformer_, &adapters_, *gradients_, *optimizer_, group_, {}});
  const auto together = unclipped.run({packed}, 0.0);
  const at::Tensor gradient = gradients_->buffer().clone();
  const auto separately = unclipped.run(alone, 0.0);
  const double tolerance = options_.dtype == at::kFloat ? 1e-5 : 2e-2;
  check_close(at::tensor(together.sample_losses), at::tensor(separately.sample_losses), tolerance,
              "losses of packed samples against samples alone");
  check_close(gradients_->buffer(), gradient, tolerance,
              "gradient of packed samples against samples alone");
}

}  // namespace omnigen::bench
