#include "model/packed_layout.h"

#include <gtest/gtest.h>

#include <set>

#include "model/tiny_models.h"
#include "model/tiny_samples.h"

namespace omnigen::model {
namespace {

TEST(PackedLayout, SamplesFollowEachOther) {
  const MicroBatch batch = {test::image_sample("a", 6, 4, 0.5), test::text_sample("b", 2, 8, 0.5)};
  const PackedLayout layout = make_layout(test::tiny_config(), batch);
  ASSERT_EQ(layout.samples.size(), 2U);
  EXPECT_EQ(layout.samples[0].length(), 9 + 1 + 6);
  EXPECT_EQ(layout.samples[1].begin, 16);
  EXPECT_EQ(layout.samples[1].image_begin, 6);
  EXPECT_EQ(layout.num_tokens, 16 + 5 + 1 + 4);
  EXPECT_EQ(layout.num_image_tokens, 10);
}

TEST(PackedLayout, SpansOfAllRowsAndOfImageRows) {
  const MicroBatch batch = {test::text_sample("b", 2, 8, 0.5), test::image_sample("a", 6, 4, 0.5)};
  const PackedLayout layout = make_layout(test::tiny_config(), batch);
  const nn::AttentionSpan& all = layout.all_rows[1];
  EXPECT_EQ(all.key_begin, 10);
  EXPECT_EQ(all.query_begin, 10);
  EXPECT_EQ(all.first_query, 0);
  EXPECT_EQ(all.num_causal, 10);
  EXPECT_EQ(all.length, 16);
  ASSERT_EQ(all.input_images.size(), 1U);
  EXPECT_EQ(all.input_images[0].begin, 3);
  EXPECT_EQ(all.input_images[0].end, 7);
  const nn::AttentionSpan& image = layout.image_rows[1];
  EXPECT_EQ(image.key_begin, 10);
  EXPECT_EQ(image.query_begin, 4);
  EXPECT_EQ(image.first_query, 10);
}

TEST(PackedLayout, RowsAreRoundedByAtMostOneIn64) {
  EXPECT_EQ(rounded_rows(1), 1);
  EXPECT_EQ(rounded_rows(127), 127);
  EXPECT_EQ(rounded_rows(129), 130);
  EXPECT_EQ(rounded_rows(337), 340);
  EXPECT_EQ(rounded_rows(1024), 1024);
  std::set<int64_t> sizes;
  for (int64_t tokens = 1024; tokens < 2048; ++tokens) {
    const int64_t rows = rounded_rows(tokens);
    EXPECT_GE(rows, tokens);
    EXPECT_LE(rows, tokens + tokens / 64);
    sizes.insert(rows);
  }
  EXPECT_LE(sizes.size(), 65U);
}

}  // namespace
}  // namespace omnigen::model
