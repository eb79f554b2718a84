#include <gtest/gtest.h>

#include "adapter/adapter_set.h"
#include "adapter/lycoris_config.h"
#include "io/safetensors_reader.h"
#include "model/weight_map.h"
#include "support/golden.h"
#include "support/tensor_near.h"

namespace omnigen::adapter {
namespace {

namespace fs = std::filesystem;

struct Tiny {
  Tiny()
      : transformer(
            model::load_transformer(test::golden_dir() / "tiny-omnigen", {at::kFloat, at::kCPU})),
        tree(transformer->module_tree()),
        adapters(
            LycorisConfig::from_json(
                test::golden_case("lokr", "adapter_merged").json.at("config").at("lycoris_config"),
                "golden"),
            tree, 0) {}

  std::unique_ptr<model::OmniGenTransformer> transformer;
  nn::ModuleTree tree;
  AdapterSet adapters;
};

fs::path adapter_file(const std::string& dtype) {
  return test::golden_dir() / "lokr" / ("adapter_" + dtype + ".safetensors");
}

TEST(AdapterSetGolden, WritesWhatTheReferenceWrote) {
  for (const auto& [name, dtype] : {std::pair{"fp32", at::kFloat}, {"bf16", at::kBFloat16}}) {
    SCOPED_TRACE(name);
    Tiny tiny;
    const auto expected = read_adapter(adapter_file(name));
    tiny.adapters.load_state_dict(expected, name);
    const auto written = tiny.adapters.state_dict(dtype);
    EXPECT_EQ(written.size(), expected.size());
    for (const auto& [key, value] : expected) {
      ASSERT_TRUE(written.contains(key)) << key;
      EXPECT_EQ(written.at(key).scalar_type(), value.scalar_type()) << key;
      EXPECT_TENSOR_EQ(written.at(key), value);
    }
  }
}

TEST(AdapterSetGolden, MergesAsTheReference) {
  Tiny tiny;
  tiny.adapters.load_state_dict(read_adapter(adapter_file("fp32")), "fp32");
  tiny.adapters.merge_into(tiny.tree);
  const test::GoldenCase merged = test::golden_case("lokr", "adapter_merged");
  int compared = 0;
  for (const nn::ModuleInfo& module : tiny.tree) {
    if (module.linear == nullptr || !merged.has(module.name + ".weight")) continue;
    EXPECT_TENSOR_NEAR(module.linear->weight, merged[module.name + ".weight"], test::kLokrDelta);
    ++compared;
  }
  EXPECT_EQ(compared, static_cast<int>(tiny.adapters.num_modules()));
}

}  // namespace
}  // namespace omnigen::adapter
