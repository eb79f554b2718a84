#include "workload.h"

#include <ATen/CPUGeneratorImpl.h>

#include <cmath>
#include <filesystem>

namespace omnigen::bench {
namespace {

// LyCORIS' split of a dimension by a factor that divides it, as all of this workload do.
std::pair<double, double> factor_pair(int64_t dimension, int64_t factor) {
  TORCH_CHECK(dimension % factor == 0, "workload: ", factor, " does not divide ", dimension);
  const auto one = static_cast<double>(factor);
  const auto other = static_cast<double>(dimension) / one;
  return {std::min(one, other), std::max(one, other)};
}

}  // namespace

model::TransformerConfig load_config(const std::string& name) {
  std::filesystem::path path = name;
  if (!std::filesystem::exists(path)) {
    path = std::filesystem::path(OMNIGEN_BENCH_DIR) / "peer" / "bench_configs" / (name + ".json");
  }
  return model::TransformerConfig::from_file(path);
}

int64_t side_of(const Sides& px, size_t sample) {
  return px.at(sample % px.size());
}

int64_t image_tokens(int64_t px) {
  return (px / 16) * (px / 16);
}

int64_t round_tokens(const Sides& px) {
  int64_t tokens = 0;
  for (size_t i = 0; i < kTextLengths.size(); ++i) {
    tokens += kTextLengths.at(i) + 1 + image_tokens(side_of(px, i));
  }
  return tokens;
}

double lokr_flop(double tokens, int64_t out, int64_t in, int64_t factor) {
  const auto [a, b] = factor_pair(out, factor);
  const auto [c, d] = factor_pair(in, factor);
  return 2 * tokens * c * b * (d + a)    // forward
         + 2 * (2 * tokens * c * b * d)  // dX and dW2
         + 4 * tokens * a * c * b;       // through W1, and dW1
}

double useful_gflop(const model::TransformerConfig& config, const Sides& px,
                    const std::string& adapt) {
  const auto tokens = static_cast<double>(round_tokens(px));
  double image_rows = 0;
  double pairs = 0;
  for (size_t i = 0; i < kTextLengths.size(); ++i) {
    const auto l = static_cast<double>(kTextLengths.at(i));
    const auto n = static_cast<double>(image_tokens(side_of(px, i)));
    image_rows += n;
    pairs += (l + 1) * (l + 2) / 2 + n * (l + 1 + n);
  }
  const auto d = static_cast<double>(config.hidden_size);
  const auto f = static_cast<double>(config.intermediate_size);
  const auto layers = static_cast<double>(config.num_layers);
  const double linear = 2 * tokens * (4 * d * d + 3 * d * f) * layers;
  const double linear_backward = linear - 2 * tokens * 3 * d * d;
  const double attention = 12 * d * pairs * layers;
  const double projections = 4 * image_rows * 16 * d * 3 / 2;
  double lokr = 4 * lokr_flop(tokens, config.hidden_size, config.hidden_size, 16);
  if (adapt == "attention+mlp") {
    lokr += lokr_flop(tokens, 2 * config.intermediate_size, config.hidden_size, 8) +
            lokr_flop(tokens, config.hidden_size, config.intermediate_size, 8);
  }
  return 1e-9 * (linear + linear_backward + attention + projections + layers * lokr);
}

nlohmann::json lycoris_config(const std::string& adapt) {
  nlohmann::json targets = {"Attention"};
  nlohmann::json algorithms = {{"Attention", {{"factor", 16}}}};
  if (adapt == "attention+mlp") {
    targets.push_back("FeedForward");
    algorithms["FeedForward"] = {{"factor", 8}};
  }
  return {{"algo", "lokr"},
          {"multiplier", 1.0},
          {"linear_dim", 10000},
          {"linear_alpha", 1},
          {"factor", 16},
          {"apply_preset", {{"target_module", targets}, {"module_algo_map", algorithms}}}};
}

std::map<std::string, at::Tensor> random_weights(
    const std::map<std::string, std::vector<int64_t>>& shapes, at::ScalarType dtype,
    at::Device device) {
  auto generator = at::detail::createCPUGenerator(0);
  std::map<std::string, at::Tensor> weights;
  for (const auto& [name, shape] : shapes) {
    at::Tensor value = at::zeros(shape);
    if (name.find("embed_tokens") != std::string::npos) {
      value.normal_(0.0, 1.0, generator);
    } else if (shape.size() > 1) {
      const double fan_in = static_cast<double>(value.numel()) / static_cast<double>(shape[0]);
      const double bound = 1.0 / std::sqrt(fan_in);
      value.uniform_(-bound, bound, generator);
    } else if (name.find("norm") != std::string::npos && name.ends_with(".weight")) {
      value.fill_(1.0);
    }
    weights[name] = value.to(device, dtype);
  }
  return weights;
}

}  // namespace omnigen::bench
