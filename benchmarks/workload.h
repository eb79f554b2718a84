// The workload that train_step_bench shares with benchmarks/peer: model sizes, samples, useful
// work.
//
// One round is four samples of kTextLengths templated text tokens and one square image each: four
// steps at batch 1, one at batch 4. Source: benchmarks/peer/bench_common.py.
#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/transformer_config.h"

namespace omnigen::bench {

inline constexpr std::array<int64_t, 4> kTextLengths = {44, 97, 61, 118};

// A config by name from benchmarks/peer/bench_configs, or a JSON file.
model::TransformerConfig load_config(const std::string& name);

// Sides of the images in pixels, over and over.
using Sides = std::vector<int64_t>;
int64_t side_of(const Sides& px, size_t sample);
int64_t image_tokens(int64_t px);
// Rows of the packed sequence in a round.
int64_t round_tokens(const Sides& px);

// Useful GFLOP of a round, forward and backward: recomputation, padding and materialised Kronecker
// products do not count. `adapt`: "attention" or "attention+mlp".
double useful_gflop(const model::TransformerConfig& config, const Sides& px,
                    const std::string& adapt);

// FLOP of LoKr's factor-wise products for one linear layer of full factors, forward and backward.
double lokr_flop(double tokens, int64_t out, int64_t in, int64_t factor);

// The quickstart's LoKr: factor 16 on attention, and 8 on the MLP where asked for.
nlohmann::json lycoris_config(const std::string& adapt);

// Random values of a realistic scale: uniform in ±1/sqrt(fan in) for matrices and kernels, ones for
// norms, zeros for biases, standard normal for embeddings.
std::map<std::string, at::Tensor> random_weights(
    const std::map<std::string, std::vector<int64_t>>& shapes, at::ScalarType dtype,
    at::Device device);

}  // namespace omnigen::bench
