#include <gtest/gtest.h>

#include "support/golden.h"
#include "tokenizer/clip_tokenizer.h"

namespace omnigen::tokenizer {
namespace {

TEST(ClipTokenizerGolden, IdsAreThoseOfTheReference) {
  for (const auto& golden : test::golden_cases("clip")) {
    SCOPED_TRACE(golden.name());
    const auto& config = golden.json.at("config");
    const ClipTokenizer tokenizer(test::golden_dir() / config.at("model").get<std::string>());
    const auto prompts = config.at("prompts").get<std::vector<std::string>>();
    for (size_t i = 0; i < prompts.size(); ++i) {
      const at::Tensor ids = golden["input_ids." + std::to_string(i)].view(-1);
      const std::vector<int64_t> expected(ids.data_ptr<int64_t>(),
                                          ids.data_ptr<int64_t>() + ids.numel());
      EXPECT_EQ(tokenizer.encode(prompts[i], 77), expected) << prompts[i];
    }
  }
}

}  // namespace
}  // namespace omnigen::tokenizer
