#include "train/sample_loader.h"

#include "train/flow_matching.h"
#include "util/seed_stream.h"

namespace omnigen::train {
namespace {

util::SeedStream stream_for(uint64_t seed, std::string_view purpose, const data::Dataset& dataset,
                            const data::SampleRef& ref) {
  return {seed, purpose, {dataset.id(), dataset.meta(ref.record).path}, ref.draw};
}

}  // namespace

SampleLoader::SampleLoader(std::vector<LoaderSet> sets, LoaderOptions options)
    : sets_(std::move(sets)), options_(std::move(options)) {}

std::vector<int64_t> SampleLoader::prompt_ids(const data::SampleRef& ref) const {
  const data::Dataset& dataset = *sets_.at(static_cast<size_t>(ref.dataset)).set.dataset;
  if (options_.caption_dropout_probability > 0) {
    auto stream = stream_for(options_.seed, "caption dropout", dataset, ref);
    if (stream.uniform() < options_.caption_dropout_probability) return options_.dropped_prompt_ids;
  }
  const int64_t variants = dataset.meta(ref.record).num_captions;
  int64_t variant = 0;
  if (variants > 1) {
    auto stream = stream_for(options_.seed, "caption", dataset, ref);
    variant = static_cast<int64_t>(stream.below(static_cast<uint64_t>(variants)));
  }
  return dataset.token_ids(ref.record, variant);
}

at::Tensor SampleLoader::loss_weights(const data::SampleRef& ref,
                                      const data::DrawnRecord& drawn) const {
  const LoaderSet& set = sets_.at(static_cast<size_t>(ref.dataset));
  if (!set.masks) return {};
  if (options_.masked_loss_probability < 1.0) {
    auto stream = stream_for(options_.seed, "masked loss", *set.set.dataset, ref);
    if (stream.uniform() >= options_.masked_loss_probability) return {};
  }
  at::Tensor weights =
      set.masks->weights(ref.record, drawn.crop, drawn.latent_CHW.size(1), drawn.latent_CHW.size(2))
          .clamp_min(options_.unmasked_weight);
  const auto mean = weights.mean().item<double>();
  return options_.masked_loss_normalise && mean > 0 ? weights / mean : weights;
}

TrainSample SampleLoader::load(const data::SampleRef& asked) const {
  const LoaderSet& set = sets_.at(static_cast<size_t>(asked.dataset));
  const data::Dataset& dataset = *set.set.dataset;
  const auto passes = static_cast<uint64_t>(set.set.repeats + 1);
  const data::DrawnRecord drawn = dataset.draw(asked.record, asked.draw / passes);
  data::SampleRef ref = asked;
  ref.record = drawn.record;
  const at::Tensor& x1 = drawn.latent_CHW;
  auto noise_stream = stream_for(options_.seed, "noise", dataset, ref);
  auto timestep_stream = stream_for(options_.seed, "timestep", dataset, ref);
  const at::Tensor x0 = draw_noise(noise_stream, x1.sizes());
  const float t = draw_timestep(timestep_stream);
  FlowPair pair = interpolate(x1, x0, t);

  TrainSample sample;
  sample.ref = ref;
  sample.input.latent_CHW = std::move(pair.x_t);
  sample.input.timestep = t;
  sample.input.input_ids = prompt_ids(ref);
  sample.target_CHW = std::move(pair.target);
  sample.weights_HW = loss_weights(ref, drawn);
  sample.regularisation = set.regularisation;
  sample.adapter_key = stream_for(options_.seed, "adapter dropout", dataset, ref).next_u64();
  return sample;
}

TrainMicroBatch SampleLoader::load(const std::vector<data::SampleRef>& refs) const {
  TrainMicroBatch batch;
  batch.reserve(refs.size());
  for (const data::SampleRef& ref : refs) batch.push_back(load(ref));
  return batch;
}

SampleSize SampleLoader::size(const data::SampleRef& ref) const {
  constexpr int64_t kPixelsPerLatent = 8;
  const data::Dataset& dataset = *sets_.at(static_cast<size_t>(ref.dataset)).set.dataset;
  const data::RecordMeta& meta = dataset.meta(ref.record);
  return {std::ssize(prompt_ids(ref)),
          (meta.target_height / kPixelsPerLatent) * (meta.target_width / kPixelsPerLatent)};
}

std::string SampleLoader::name(const data::SampleRef& ref) const {
  const data::Dataset& dataset = *sets_.at(static_cast<size_t>(ref.dataset)).set.dataset;
  return dataset.id() + "/" + dataset.meta(ref.record).path;
}

}  // namespace omnigen::train
