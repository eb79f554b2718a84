#include "adapter/peft_lokr.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "adapter/lokr.h"
#include "adapter/peft_file.h"
#include "util/error.h"

namespace omnigen::adapter {
namespace {

using Pair = std::pair<int64_t, int64_t>;

struct Layer {
  const AdapterSet::Entry* entry;
  LokrShape shape;
};

// peft's function of this name, which leaves a factor that divides in first place.
Pair factorization(int64_t dimension, int64_t factor) {
  if (factor > 0 && dimension % factor == 0) return {factor, dimension / factor};
  if (factor == -1) factor = dimension;
  int64_t m = 1;
  int64_t n = dimension;
  const int64_t length = m + n;
  while (m < n) {
    int64_t next = m + 1;
    while (dimension % next != 0) ++next;
    if (next + dimension / next > length || next > factor) break;
    m = next;
    n = dimension / next;
  }
  return std::minmax(m, n);
}

bool gives(int64_t factor, const LokrShape& shape) {
  return factorization(shape.out_features(), factor) == Pair(shape.a, shape.b) &&
         factorization(shape.in_features(), factor) == Pair(shape.c, shape.d);
}

std::vector<Layer> layers_of(const AdapterSet& adapters) {
  std::vector<Layer> layers;
  for (const AdapterSet::Entry& entry : adapters.entries()) {
    const auto* factors = dynamic_cast<const LokrFactors*>(entry.adapter.get());
    TORCH_CHECK(factors != nullptr, entry.name, " is no LoKr layer");
    layers.push_back({&entry, factors->shape()});
  }
  return layers;
}

int64_t common_factor(const std::vector<Layer>& layers) {
  std::set<int64_t> candidates = {-1};
  for (const Layer& layer : layers) candidates.insert({layer.shape.a, layer.shape.c});
  const Layer* unlike = nullptr;
  for (const int64_t factor : candidates) {
    if (!gives(factor, layers.front().shape)) continue;
    const auto other = std::find_if(layers.begin(), layers.end(), [&](const Layer& layer) {
      return !gives(factor, layer.shape);
    });
    if (other == layers.end()) return factor;
    unlike = &*other;
  }
  const auto text = [](const Layer& layer) {
    return fmt::format("{} {}x{} by {}x{}", layer.entry->module_name, layer.shape.a, layer.shape.c,
                       layer.shape.b, layer.shape.d);
  };
  throw util::ConfigError(
      fmt::format("peft's LoKr has one factor for all layers, this adapter has not ({}{}); export "
                  "it as lycoris, "
                  "or merge it",
                  text(layers.front()), unlike == nullptr ? "" : ", " + text(*unlike)));
}

// The rank with which peft makes the same factors full and the same ones products.
int64_t rank_of(const Layer& layer, bool decompose_both) {
  const LokrShape& shape = layer.shape;
  const int64_t largest_w1 = std::max(shape.a, shape.c);
  const int64_t largest_w2 = std::max(shape.b, shape.d);
  const int64_t rank = shape.both_full() ? std::max(largest_w1, largest_w2) : shape.rank;
  const bool low_rank_w1 = decompose_both && 2 * rank < largest_w1;
  const bool low_rank_w2 = 2 * rank < largest_w2;
  if (low_rank_w1 != shape.low_rank_w1 || low_rank_w2 != shape.low_rank_w2) {
    throw util::ConfigError(
        fmt::format("peft's LoKr cannot have the factors of {} with rank {}; export the adapter as "
                    "lycoris, or merge it",
                    layer.entry->module_name, rank));
  }
  return rank;
}

}  // namespace

AdapterFiles peft_lokr_files(const AdapterSet& adapters, at::ScalarType dtype,
                             const std::string& base_model, const FileFacts& facts) {
  const at::NoGradGuard no_grad;
  const std::vector<Layer> layers = layers_of(adapters);
  const bool decompose_both =
      std::any_of(layers.begin(), layers.end(), [](const Layer& l) { return l.shape.low_rank_w1; });
  nlohmann::ordered_json ranks = nlohmann::ordered_json::object();
  std::vector<std::string> targets;
  Tensors tensors;
  for (const Layer& layer : layers) {
    const std::string& module = layer.entry->module_name;
    ranks[module] = rank_of(layer, decompose_both);
    targets.push_back(module);
    const auto& factors = layer.entry->adapter->factors();
    for (const auto& [name, value] : factors) {
      const bool first = name == factors.front().first;
      tensors[peft_name(module) + "." + name] =
          (first ? value * (layer.shape.scale * adapters.multiplier()) : value).detach().to(dtype);
    }
  }
  const int64_t rank = ranks.front().get<int64_t>();
  const nlohmann::ordered_json config = {{"alpha", rank},
                                         {"alpha_pattern", ranks},
                                         {"base_model_name_or_path", base_model},
                                         {"decompose_both", decompose_both},
                                         {"decompose_factor", common_factor(layers)},
                                         {"inference_mode", true},
                                         {"init_weights", true},
                                         {"module_dropout", 0.0},
                                         {"peft_type", "LOKR"},
                                         {"r", rank},
                                         {"rank_dropout", 0.0},
                                         {"rank_dropout_scale", false},
                                         {"rank_pattern", ranks},
                                         {"target_modules", targets},
                                         {"task_type", nullptr},
                                         {"use_effective_conv2d", false}};
  return peft_files(config, std::move(tensors), facts);
}

}  // namespace omnigen::adapter
