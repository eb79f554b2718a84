#include "tokenizer/prompt_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tokenizer/small_tokenizer.h"
#include "util/error.h"

namespace omnigen::tokenizer {
namespace {

using test::small_tokenizer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string prompt_error(const std::string& prompt, std::vector<int64_t> image_tokens) {
  try {
    encode_prompt(small_tokenizer(), prompt, image_tokens);
  } catch (const util::DataError& error) {
    return error.what();
  }
  return "no error";
}

TEST(PromptTemplate, EncodesTextAsOneChunk) {
  const auto tokenizer = small_tokenizer();
  const PromptIds prompt = encode_prompt(tokenizer, "a cab");
  EXPECT_EQ(prompt.ids, tokenizer.encode(templated_prompt("a cab")));
  EXPECT_TRUE(prompt.slots.empty());
}

TEST(PromptTemplate, LeavesZerosForImagesInOrderOfAppearance) {
  const std::vector<int64_t> tokens = {3, 2};
  const PromptIds prompt =
      encode_prompt(small_tokenizer(), "<|image_2|>ab<|image_1|><|image_2|>", tokens);
  const int64_t first = prompt.slots.at(0).start;
  // "ab" between the images is its own chunk: "▁ab" without a second begin-of-text.
  EXPECT_THAT(prompt.slots,
              ElementsAre(ImageSlot{first, first + 2, 2}, ImageSlot{first + 3, first + 6, 1},
                          ImageSlot{first + 6, first + 8, 2}));
  for (const ImageSlot& slot : prompt.slots) {
    for (int64_t i = slot.start; i < slot.end; ++i)
      EXPECT_EQ(prompt.ids[static_cast<size_t>(i)], 0);
  }
  EXPECT_EQ(std::count(prompt.ids.begin(), prompt.ids.end(), 1), 1);
}

TEST(PromptTemplate, MarksPlacesOfImagesOfUnknownSize) {
  const std::vector<int64_t> tokens = {0};
  const PromptIds prompt = encode_prompt(small_tokenizer(), "<|image_1|>a", tokens);
  EXPECT_EQ(prompt.slots.at(0).start, prompt.slots.at(0).end);
}

TEST(PromptTemplate, RefusesGapsInTheNumbers) {
  EXPECT_THAT(prompt_error("<|image_1|> <|image_3|>", {4, 4}), HasSubstr("[1, 3]"));
  EXPECT_THAT(prompt_error("<|image_0|>", {4}), HasSubstr("[0]"));
  EXPECT_THAT(prompt_error("<|image_99999999999999999999|>", {4}), HasSubstr("without gaps"));
}

TEST(PromptTemplate, RefusesAnotherNumberOfImages) {
  EXPECT_THAT(prompt_error("<|image_1|>", {4, 4}), HasSubstr("2 are given"));
  EXPECT_THAT(prompt_error("no image named", {4}), HasSubstr("1 is given"));
}

TEST(PromptTemplate, RefusesAnImageTagInATextOnlyPrompt) {
  EXPECT_THAT(prompt_error("like <img><|image_1|></img>", {}),
              HasSubstr("no input image is given"));
}

TEST(PromptTemplate, ListsImagesForImageGuidance) {
  EXPECT_EQ(image_guidance_prompt(2), "<img><|image_1|></img> <img><|image_2|></img>");
  EXPECT_EQ(image_guidance_prompt(0), "");
}

}  // namespace
}  // namespace omnigen::tokenizer
