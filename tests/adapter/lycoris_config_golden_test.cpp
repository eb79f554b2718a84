#include <gtest/gtest.h>

#include <fstream>

#include "adapter/adapter_set.h"
#include "adapter/lokr.h"
#include "adapter/lycoris_config.h"
#include "model/omnigen_transformer.h"
#include "support/golden.h"

namespace omnigen::adapter {
namespace {

// The library knows no other matching than by exact class name. The file is read again because the
// order of name_algo_map counts.
LycorisConfig reference_config(const test::GoldenCase& golden) {
  std::ifstream stream(golden.path.string() + ".json");
  auto exact = nlohmann::ordered_json::parse(stream).at("lycoris_config");
  exact["apply_preset"]["target_match"] = "exact";
  return LycorisConfig::from_json(exact, golden.name());
}

std::vector<test::GoldenCase> networks() {
  std::vector<test::GoldenCase> cases;
  for (const auto& entry : std::filesystem::directory_iterator(test::golden_dir() / "lokr")) {
    const auto& path = entry.path();
    if (!path.filename().string().starts_with("network_") || path.extension() != ".json") continue;
    cases.push_back({path.parent_path() / path.stem(), test::read_json(path)});
  }
  EXPECT_FALSE(cases.empty());
  return cases;
}

// From shapes alone: nothing is allocated, whatever the model's size.
void expect_network(const LycorisConfig& config, const model::TransformerConfig& transformer,
                    const nlohmann::json& expected) {
  const nn::ModuleTree tree = model::module_tree(transformer);
  std::vector<std::string> notices;
  const auto selected = config.select(tree, &notices);
  EXPECT_EQ(std::ssize(selected), expected.at("num_modules").get<int64_t>());
  int64_t num_parameters = 0;
  int64_t num_tensors = 0;
  for (size_t i = 0; i < selected.size(); ++i) {
    const auto& [module, options] = selected[i];
    const LokrShape shape = lokr_shape(module->out_features, module->in_features, options);
    num_parameters += shape.num_parameters();
    num_tensors += std::ssize(shape.factors());
    if (i >= expected.at("modules").size()) continue;
    const auto& listed = expected.at("modules")[i];
    EXPECT_EQ(lycoris_name(module->name), listed.at("name").get<std::string>());
    EXPECT_DOUBLE_EQ(shape.scale, listed.at("scale").get<double>());
    EXPECT_EQ(shape.factors().size(), listed.at("parameters").size());
    for (const auto& [name, sizes] : shape.factors()) {
      EXPECT_EQ(sizes, listed.at("parameters").at(name).get<std::vector<int64_t>>())
          << module->name;
    }
  }
  EXPECT_EQ(num_parameters, expected.at("num_parameters").get<int64_t>());
  EXPECT_EQ(num_tensors, expected.at("num_trainable_tensors").get<int64_t>());
}

TEST(LycorisConfigGolden, SelectsTheReferencesModules) {
  for (const auto& golden : networks()) {
    SCOPED_TRACE(golden.name());
    const LycorisConfig config = reference_config(golden);
    if (golden.json.contains("tiny_omnigen")) {
      expect_network(config,
                     model::TransformerConfig::from_file(test::golden_dir() /
                                                         "tiny-omnigen/transformer/config.json"),
                     golden.json.at("tiny_omnigen"));
    }
    if (golden.json.contains("omnigen_v1")) {
      expect_network(config, model::TransformerConfig::omnigen_v1(), golden.json.at("omnigen_v1"));
    }
  }
}

// What the text of the quickstart means: its FeedForward is the model's MLP.
TEST(LycorisConfigGolden, TheUsersFileAdaptsTheMlpToo) {
  const auto user = nlohmann::ordered_json::parse(R"({"algo": "lokr", "multiplier": 1.0,
      "linear_dim": 10000, "linear_alpha": 1, "factor": 16, "apply_preset": {
        "target_module": ["Attention", "FeedForward"],
        "module_algo_map": {"Attention": {"factor": 16}, "FeedForward": {"factor": 8}}}})");
  const nn::ModuleTree tree = model::module_tree(model::TransformerConfig::omnigen_v1());
  const AdapterSet adapters(LycorisConfig::from_json(user, "user"), tree, 0);
  EXPECT_EQ(adapters.num_modules(), 192);
  EXPECT_EQ(adapters.num_parameters(), 42504192);
}

}  // namespace
}  // namespace omnigen::adapter
