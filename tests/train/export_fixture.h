// A run's folder as training leaves it, made without training.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "adapter/adapter_files.h"
#include "adapter/adapter_set.h"
#include "adapter/lora_config.h"
#include "adapter/lycoris_config.h"
#include "io/atomic_file.h"
#include "model/weight_map.h"
#include "support/golden.h"
#include "support/temp_dir.h"

namespace omnigen::train {

inline std::filesystem::path tiny_model() {
  return test::golden_dir() / "tiny-omnigen";
}

inline std::unique_ptr<adapter::AdapterPlan> lokr_plan() {
  return std::make_unique<adapter::LycorisConfig>(adapter::LycorisConfig::from_json(
      nlohmann::ordered_json::parse(R"({"algo": "lokr", "multiplier": 1.0, "linear_dim": 10000,
          "linear_alpha": 1, "factor": 4, "apply_preset": {"target_module": ["Attention"]}})"),
      "test"));
}

inline std::unique_ptr<adapter::AdapterPlan> lora_plan() {
  config::AdapterConfig keys;
  keys.lora_rank = 2;
  keys.lora_alpha = 6;
  return std::make_unique<adapter::LoraConfig>(adapter::LoraConfig::from_keys(keys));
}

// `adapter` scaled: factors of normal values times `scale`, the same on every call.
inline adapter::AdapterSet random_adapters(const adapter::AdapterPlan& plan, double scale) {
  adapter::AdapterSet adapters(plan,
                               model::module_tree(model::read_transformer_config(tiny_model())), 5);
  double phase = scale;
  for (const auto& [name, value] : adapters.parameters()) {
    const at::Tensor numbers = at::arange(value.numel(), at::kFloat) * 0.7 + phase;
    value.detach().copy_(numbers.sin().mul_(scale).view(value.sizes()));
    phase += 1.0;
  }
  return adapters;
}

// <dir>/run with an adapter of live weights and one of averaged weights.
struct AdapterRun {
  explicit AdapterRun(std::unique_ptr<adapter::AdapterPlan> of_plan,
                      at::ScalarType dtype = at::kFloat)
      : plan(std::move(of_plan)),
        live(random_adapters(*plan, 0.1)),
        average(random_adapters(*plan, 0.05)) {
    plan->files(live.state_dict(dtype), {.step = 7}).write(folder());
    plan->files(average.state_dict(dtype), {.step = 7}).write(folder() / "ema");
    io::write_atomically(
        folder() / "simpletuner_config.json",
        nlohmann::json{{"pretrained_model_name_or_path", tiny_model().string()}}.dump());
  }
  [[nodiscard]] std::filesystem::path folder() const { return dir / "run"; }

  test::TempDir dir;
  std::unique_ptr<adapter::AdapterPlan> plan;
  adapter::AdapterSet live;
  adapter::AdapterSet average;
};

}  // namespace omnigen::train
