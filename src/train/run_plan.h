// What a run will do, said before it starts: samples, sizes, steps, batch, parameters, memory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/share_out.h"
#include "train/loss_range.h"
#include "train/sample_loader.h"

namespace omnigen::train {

struct PlannedSet {
  std::string id;
  int64_t num_images = 0;
  int64_t repeats = 0;
  bool regularisation = false;
  std::string masks;                                   // id of their data set; empty: none
  std::vector<std::pair<std::string, int64_t>> sizes;  // "512x512" -> images
};

struct RunPlan {
  std::vector<PlannedSet> sets;
  int64_t samples_per_epoch = 0;
  data::BatchShape batch;
  int64_t total_steps = 0;
  double epochs = 0.0;
  int64_t start_step = 0;
};

RunPlan make_plan(const std::vector<LoaderSet>& sets, const data::BatchShape& batch,
                  int64_t max_train_steps, double num_train_epochs);

struct ModelSizes {
  int64_t num_base = 0;
  int64_t base_bytes = 0;  // of the weights as stored
  int64_t num_trained = 0;
  int64_t trained_bytes = 0;  // leaves, gradients, averages and optimizer state of a rank
  int64_t hidden_size = 0;
  int64_t num_layers = 0;
};

// The banner, line by line.
std::vector<std::string> describe(const RunPlan& plan);

}  // namespace omnigen::train
