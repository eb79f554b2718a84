#include <gtest/gtest.h>

#include <filesystem>

#include "support/golden.h"
#include "tokenizer/prompt_template.h"
#include "tokenizer/tokenizer.h"

namespace omnigen::tokenizer {
namespace {

namespace fs = std::filesystem;

const std::string kOmniGen = "tiny-omnigen/tokenizer/tokenizer.json";

// `name` is relative to the golden folder, to its parent, or kept beside the golden files.
fs::path find_tokenizer(const std::string& name) {
  const fs::path kept =
      fs::path("tokenizer") / fs::path(name).parent_path().filename() / fs::path(name).filename();
  for (const fs::path& candidate :
       {test::golden_dir() / name, test::golden_dir().parent_path() / name,
        test::golden_dir() / kept, fs::path(OMNIGEN_SOURCE_DIR) / "tests/golden" / kept}) {
    if (fs::exists(candidate)) return candidate;
  }
  throw std::runtime_error("no tokenizer " + name + " beside " + test::golden_dir().string());
}

std::vector<nlohmann::json> golden_files_with(const std::string& key) {
  std::vector<nlohmann::json> files;
  for (const auto& entry : fs::directory_iterator(test::golden_dir() / "tokenizer")) {
    if (entry.path().extension() != ".json") continue;
    nlohmann::json json = test::read_json(entry.path());
    if (json.contains(key)) files.push_back(std::move(json));
  }
  return files;
}

TEST(TokenizerGolden, TextsGiveTheReferencesIds) {
  int num_texts = 0;
  for (const nlohmann::json& file : golden_files_with("cases")) {
    const std::string name = file.at("tokenizer");
    SCOPED_TRACE(name);
    const Tokenizer tokenizer(find_tokenizer(name));
    for (const nlohmann::json& row : file.at("cases")) {
      const std::string text = row.at("text");
      EXPECT_EQ(tokenizer.encode(text), row.at("ids").get<std::vector<int64_t>>()) << text;
      ++num_texts;
    }
  }
  EXPECT_GT(num_texts, 0);
  std::printf("%d texts\n", num_texts);
}

// By image number. The reference lists sizes slot by slot: the prompt's slots, then those of the
// image guidance prompt, which names every image once and in order.
std::vector<int64_t> image_tokens(const nlohmann::json& prompt) {
  std::vector<int64_t> tokens;
  const size_t num_images = prompt.value("images", nlohmann::json::array()).size();
  const nlohmann::json& sizes = prompt.at("processed_image_sizes");
  for (size_t i = sizes.size() - num_images; i < sizes.size(); ++i) {
    tokens.push_back(sizes.at(i).at(0).get<int64_t>() * sizes.at(i).at(1).get<int64_t>() / 256);
  }
  return tokens;
}

void check_branch(const PromptIds& actual, const nlohmann::json& expected) {
  EXPECT_EQ(actual.ids, expected.at("input_ids").get<std::vector<int64_t>>());
  std::vector<std::vector<int64_t>> slots;
  for (const ImageSlot& slot : actual.slots) slots.push_back({slot.start, slot.end});
  EXPECT_EQ(slots, expected.at("slots").get<std::vector<std::vector<int64_t>>>());
}

TEST(TokenizerGolden, PromptsGiveTheReferencesIdsAndSlots) {
  const Tokenizer tokenizer(find_tokenizer(kOmniGen));
  int num_branches = 0;
  for (const nlohmann::json& file : golden_files_with("prompts")) {
    for (const auto& [name, prompt] : file.at("prompts").items()) {
      SCOPED_TRACE(name);
      const std::string text = prompt.at("text");
      const std::vector<int64_t> tokens = image_tokens(prompt);
      for (const auto& [branch, expected] : prompt.at("alone").items()) {
        SCOPED_TRACE(branch);
        const bool with_images = branch != "uncond";
        const std::string branch_text = branch == "cond" ? text
                                        : branch == "uncond"
                                            ? std::string(kDefaultNegativePrompt)
                                            : image_guidance_prompt(std::ssize(tokens));
        EXPECT_EQ(templated_prompt(branch_text), expected.at("templated_text"));
        check_branch(encode_prompt(tokenizer, branch_text,
                                   with_images ? std::span(tokens) : std::span<const int64_t>()),
                     expected);
        ++num_branches;
      }
    }
  }
  EXPECT_GT(num_branches, 0);
  std::printf("%d branches\n", num_branches);
}

// model.md A.1, on the tokenizer with OmniGen's added tokens.
TEST(TokenizerGolden, WorkedExamples) {
  const Tokenizer tokenizer(find_tokenizer(kOmniGen));
  using Ids = std::vector<int64_t>;
  EXPECT_EQ(tokenizer.encode("</img> <img>"), (Ids{1, 32046, 259, 32045}));
  EXPECT_EQ(tokenizer.encode("aaaaaaa ====== ........"),
            (Ids{1, 263, 27137, 7340, 1275, 2751, 29871, 11296}));
  EXPECT_EQ(tokenizer.encode("<0x0A> literal </s>  x <s>y"),
            (Ids{1, 529, 29900, 29916, 29900, 29909, 29958, 16333, 29871, 2, 921, 29871, 1, 343}));
  EXPECT_EQ(tokenizer.encode("<|end|>  \n x"), (Ids{1, 32007, 1678, 13, 921}));
  EXPECT_EQ(tokenizer.encode("<|assistant|>  \n x"), (Ids{1, 32001, 921}));
  EXPECT_EQ(encode_prompt(tokenizer, "").ids.size(), 19U);
  EXPECT_EQ(encode_prompt(tokenizer, kDroppedConditionPrompt).ids.size(), 20U);
  EXPECT_EQ(encode_prompt(tokenizer, kDefaultNegativePrompt).ids.size(), 122U);
  const Ids one_image = {1024};
  EXPECT_EQ(encode_prompt(tokenizer, image_guidance_prompt(1), one_image).ids.size(), 1045U);
}

}  // namespace
}  // namespace omnigen::tokenizer
