#include "validate/evaluator.h"

#include <fmt/format.h>

#include <cstring>

#include "util/error.h"
#include "util/seed_stream.h"
#include "util/stopwatch.h"

namespace omnigen::validate {
namespace {

EvalSample load_sample(const data::Dataset& dataset, int64_t record) {
  EvalSample sample;
  sample.x1_CHW = dataset.latent(record).to(at::kFloat);
  sample.noise_CHW = at::empty(sample.x1_CHW.sizes(), at::kFloat);
  util::SeedStream(0, "eval", {dataset.meta(record).path})
      .fill_normal(
          {sample.noise_CHW.data_ptr<float>(), static_cast<size_t>(sample.noise_CHW.numel())});
  sample.input_ids = dataset.token_ids(record, 0);
  return sample;
}

// Losses of the items (record, time) i with i mod ranks = rank, in order.
std::vector<double> losses_of_rank(const model::OmniGenTransformer& transformer,
                                   const data::Dataset& dataset, int64_t num_records,
                                   const std::vector<double>& times,
                                   const comm::ProcessGroup& group) {
  std::vector<double> losses;
  const auto num_times = static_cast<int64_t>(times.size());
  EvalSample sample;
  int64_t loaded = -1;
  for (int64_t item = group.rank(); item < num_records * num_times; item += group.size()) {
    const int64_t record = item / num_times;
    if (record != loaded) sample = load_sample(dataset, record);
    loaded = record;
    losses.push_back(eval_loss(transformer, sample, times[static_cast<size_t>(item % num_times)]));
  }
  return losses;
}

std::string to_bytes(const std::vector<double>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double)};
}

// Item i is number i / ranks of rank i mod ranks.
std::vector<std::vector<double>> merge(const std::vector<std::string>& by_rank, size_t num_records,
                                       size_t num_times) {
  std::vector<std::vector<double>> losses(num_records, std::vector<double>(num_times));
  for (size_t item = 0; item < num_records * num_times; ++item) {
    const std::string& bytes = by_rank[item % by_rank.size()];
    const size_t offset = item / by_rank.size() * sizeof(double);
    TORCH_CHECK(offset + sizeof(double) <= bytes.size(), "evaluation: a rank sent ", bytes.size(),
                " bytes");
    std::memcpy(&losses[item / num_times][item % num_times], bytes.data() + offset, sizeof(double));
  }
  return losses;
}

void average(EvalResult& result) {
  const auto num_records = static_cast<double>(result.losses.size());
  const auto num_times = static_cast<double>(result.times.size());
  double sum = 0.0;
  for (const auto& of_record : result.losses) {
    for (const double loss : of_record) sum += loss;
  }
  result.mean_by_time = mean_by_time(result.losses);
  result.mean = sum / (num_records * num_times);
}

}  // namespace

std::vector<double> eval_times(int64_t num_timesteps) {
  TORCH_CHECK(num_timesteps >= 1, "eval_times: ", num_timesteps, " timesteps");
  std::vector<double> times;
  for (int64_t k = 0; k < num_timesteps; ++k) {
    times.push_back((static_cast<double>(k) + 0.5) / static_cast<double>(num_timesteps));
  }
  return times;
}

double eval_loss(const model::OmniGenTransformer& transformer, const EvalSample& sample, double t) {
  const at::NoGradGuard no_grad;
  const at::Device device = transformer.device();
  const auto time = static_cast<float>(t);
  const at::Tensor x1 = sample.x1_CHW.to(device);
  const at::Tensor x0 = sample.noise_CHW.to(device);
  const at::Tensor x_t = x1 * time + x0 * (1.0F - time);
  std::vector<model::InputImage> images = sample.input_images;
  for (model::InputImage& image : images) image.latent_CHW = image.latent_CHW.to(device);
  const auto velocity =
      transformer.forward({{x_t, static_cast<double>(time), sample.input_ids, images}});
  return (velocity.front() - (x1 - x0)).square().mean().item<double>();
}

std::vector<double> zero_predictor_losses(const data::Dataset& dataset,
                                          const EvalOptions& options) {
  std::vector<double> losses;
  for (int64_t i = 0; i < std::min(options.num_images, dataset.size()); ++i) {
    const EvalSample sample = load_sample(dataset, i);
    losses.push_back((sample.x1_CHW - sample.noise_CHW).square().mean().item<double>());
  }
  return losses;
}

EvalResult evaluate(const model::OmniGenTransformer& transformer, const data::Dataset& dataset,
                    const EvalOptions& options, comm::ProcessGroup& group) {
  const util::Stopwatch watch;
  const int64_t num_records = std::min(options.num_images, dataset.size());
  if (num_records < 1) {
    throw util::DataError(fmt::format("evaluation set {} holds no image", dataset.id()));
  }
  EvalResult result;
  result.times = eval_times(options.num_timesteps);
  for (int64_t i = 0; i < num_records; ++i) result.paths.push_back(dataset.meta(i).path);
  const auto own = losses_of_rank(transformer, dataset, num_records, result.times, group);
  result.losses = merge(group.all_gather_bytes(to_bytes(own)), static_cast<size_t>(num_records),
                        result.times.size());
  average(result);
  result.seconds = watch.elapsed_s();
  return result;
}

std::vector<double> mean_by_time(const std::vector<std::vector<double>>& losses) {
  TORCH_CHECK(!losses.empty(), "mean_by_time: no record");
  std::vector<double> means(losses.front().size(), 0.0);
  for (const auto& of_record : losses) {
    for (size_t k = 0; k < of_record.size(); ++k) means[k] += of_record[k];
  }
  for (double& mean : means) mean /= static_cast<double>(losses.size());
  return means;
}

double pooled_mean(const std::vector<EvalResult>& results) {
  double sum = 0.0;
  int64_t count = 0;
  for (const EvalResult& result : results) {
    for (const auto& of_record : result.losses) {
      for (const double loss : of_record) sum += loss;
      count += std::ssize(of_record);
    }
  }
  TORCH_CHECK(count > 0, "pooled_mean: no loss");
  return sum / static_cast<double>(count);
}

std::string eval_line(int64_t step, const std::string& dataset_id, const EvalResult& result) {
  const size_t num_images = result.losses.size();
  return fmt::format("eval step {}: {} {:.4f} ({} timesteps x {} image{}, {:.1f} s)", step,
                     dataset_id, result.mean, result.times.size(), num_images,
                     num_images == 1 ? "" : "s", result.seconds);
}

}  // namespace omnigen::validate
