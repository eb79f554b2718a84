// The stable evaluation loss: same images, same noise, same noise levels at every evaluation.
//
//   t_k = (k − ½)/n, k = 1..n      x_t = t·x1 + (1 − t)·x0      loss = mean of (v(x_t, t) − (x1 −
//   x0))²
//
// The noise x0 of a record is keyed by its path alone. Each loss is computed on its own and all are
// summed in the order of records and times, so that the result is the same number at any number of
// ranks.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "comm/process_group.h"
#include "data/dataset.h"
#include "model/omnigen_transformer.h"
#include "model/packed_sample.h"

namespace omnigen::validate {

struct EvalOptions {
  int64_t num_images = 4;  // the first records of the data set, which is in path order
  int64_t num_timesteps = 28;
};

struct EvalSample {
  at::Tensor x1_CHW;     // clean scaled latent, float32
  at::Tensor noise_CHW;  // x0, float32
  std::vector<int64_t> input_ids;
  std::vector<model::InputImage> input_images;
};

struct EvalResult {
  double mean = 0.0;
  std::vector<double> times;
  std::vector<double> mean_by_time;
  std::vector<std::string> paths;           // of the records evaluated
  std::vector<std::vector<double>> losses;  // [record][time]
  double seconds = 0.0;
};

std::vector<double> eval_times(int64_t num_timesteps);

// Loss of one sample at one time. Shapes: sample latents [C, h, w].
double eval_loss(const model::OmniGenTransformer& transformer, const EvalSample& sample, double t);

// What a model that always answers 0 scores on each of the records that evaluate() takes, the mean
// of (x1 − x0)²: the same at every time, since a record has one noise for all of them.
std::vector<double> zero_predictor_losses(const data::Dataset& dataset, const EvalOptions& options);

// Collective; the result is the same on every rank. Errors: DataError if the data set is empty.
EvalResult evaluate(const model::OmniGenTransformer& transformer, const data::Dataset& dataset,
                    const EvalOptions& options, comm::ProcessGroup& group);

// Losses by [record][time]; at least one record.
std::vector<double> mean_by_time(const std::vector<std::vector<double>>& losses);

// Over all samples of several data sets (`eval_dataset_pooling`).
double pooled_mean(const std::vector<EvalResult>& results);

// "eval step 100: subject-eval 0.7421 (28 timesteps x 1 image, 3.1 s)".
std::string eval_line(int64_t step, const std::string& dataset_id, const EvalResult& result);

}  // namespace omnigen::validate
