#include "train/block_probe.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "adapter/adapter_set.h"
#include "adapter/lycoris_config.h"
#include "model/packed_layout.h"
#include "model/weight_map.h"
#include "support/golden.h"

namespace omnigen::train {
namespace {

using model::Recompute;

// LoKr on the attention of the tiny model, and two samples.
class BlockProbeTest : public ::testing::Test {
 protected:
  BlockProbeTest()
      : transformer_(model::load_transformer(test::golden_dir() / "tiny-omnigen", {})),
        adapters_(
            adapter::LycorisConfig::from_json(
                nlohmann::json::parse(
                    R"({"algo": "lokr", "multiplier": 1.0, "linear_dim": 10000, "linear_alpha": 1, "factor": 4,
                          "apply_preset": {"target_module": ["Attention"]}})"),
                "test"),
            transformer_->module_tree(), 1, at::kCPU) {
    for (const auto& [name, leaf] : adapters_.parameters()) {
      leaf.mutable_grad() = at::zeros_like(leaf);
    }
    const at::Tensor latent = at::arange(4 * 16 * 16, at::kFloat).view({4, 16, 16}).sin();
    batch_ = {{latent, 0.4, {1, 2, 3, 4, 5, 6}, {}}, {latent, 0.7, {1, 2, 3}, {}}};
  }

  LevelCost measure(Recompute level) {
    return BlockProbe{*transformer_, batch_,
                      [this](int64_t block) {
                        return adapters_.parameters_below(fmt::format("layers.{}.", block));
                      }}
        .measure(level);
  }

  std::unique_ptr<model::OmniGenTransformer> transformer_;
  adapter::AdapterSet adapters_;
  model::MicroBatch batch_;
};

TEST_F(BlockProbeTest, SeesWhatABlockKeeps) {
  const int64_t rows = model::rounded_rows(6 + 1 + 64 + 3 + 1 + 64);
  const int64_t hidden = transformer_->config().hidden_size;
  const int64_t column = rows * 2;  // bytes, in bfloat16
  const LevelCost none = measure(Recompute::kNone);
  const LevelCost selective = measure(Recompute::kSelective);
  const LevelCost full = measure(Recompute::kFull);
  // The stream and its norm's one number a token.
  EXPECT_EQ(full.further_kept, column * hidden + rows * 4);
  // Gate and up.
  EXPECT_EQ(none.further_kept - selective.further_kept,
            column * 2 * transformer_->config().intermediate_size);
  EXPECT_GT(selective.further_kept, column * 5 * hidden);  // two streams, q, k, v
  EXPECT_GT(none.two_blocks_peak, none.further_kept);
  EXPECT_GT(full.two_blocks_peak, full.further_kept);
}

TEST_F(BlockProbeTest, MeasuresTimes) {
  const LevelCost cost = measure(Recompute::kNone);
  EXPECT_GT(cost.one_block_s, 0.0);
  EXPECT_GT(cost.one_block_s + cost.further_s, 0.0);
}

}  // namespace
}  // namespace omnigen::train
