#include "validate/render_pool.h"

#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <vector>

#include "support/run_ranks.h"
#include "util/error.h"

namespace omnigen::validate {
namespace {

// What rank 0 was given, in order, and who rendered it.
struct Delivered {
  std::vector<size_t> order;
  std::vector<Rendered> images;
};

Delivered run_pool(int num_ranks, RenderPool pool) {
  Delivered delivered;
  test::run_ranks(num_ranks, [&](comm::ProcessGroup& group) {
    RenderPool own = pool;
    own.deliver = [&](size_t item, const Rendered& rendered) {
      EXPECT_TRUE(group.is_root());
      delivered.order.push_back(item);
      delivered.images.push_back(rendered);
    };
    render_over_ranks(own, group);
  });
  return delivered;
}

RenderPool echo_pool(size_t num_items) {
  RenderPool pool;
  pool.num_items = num_items;
  pool.title = "test";
  pool.render = [](size_t item, const auto&) {
    return std::string("png\0", 4) + std::to_string(item);
  };
  return pool;
}

TEST(RenderPool, EveryItemArrivesOnceInOrder) {
  for (const int ranks : {1, 2, 3, 8}) {
    for (const size_t items : {0, 1, 5, 7}) {
      const auto delivered = run_pool(ranks, echo_pool(items));
      ASSERT_EQ(delivered.order.size(), items);
      for (size_t i = 0; i < items; ++i) {
        EXPECT_EQ(delivered.order[i], i);
        EXPECT_EQ(delivered.images[i].png, std::string("png\0", 4) + std::to_string(i));
        EXPECT_EQ(delivered.images[i].rank, static_cast<int>(i) % ranks);
      }
    }
  }
}

TEST(RenderPool, SingleRankRendersAll) {
  RenderPool pool = echo_pool(5);
  pool.single_rank = true;
  const auto delivered = run_pool(3, pool);
  ASSERT_EQ(delivered.images.size(), 5U);
  for (const Rendered& rendered : delivered.images) EXPECT_EQ(rendered.rank, 0);
}

TEST(RenderPool, ErrorInOneImageLeavesTheOthers) {
  RenderPool pool = echo_pool(5);
  pool.render = [](size_t item, const auto&) -> std::string {
    if (item == 3) throw util::Error("no luck\nstack trace");
    return "png";
  };
  const auto delivered = run_pool(2, pool);
  ASSERT_EQ(delivered.images.size(), 5U);
  EXPECT_EQ(delivered.images[3].error, "no luck");
  EXPECT_EQ(delivered.images[3].rank, 1);
  EXPECT_FALSE(delivered.images[3].ok());
  for (const size_t i : {0, 1, 2, 4}) EXPECT_TRUE(delivered.images[i].ok());
}

TEST(RenderPool, CommErrorEndsAll) {
  RenderPool pool = echo_pool(5);
  pool.render = [](size_t item, const auto&) -> std::string {
    if (item == 1) throw util::CommError("peer is gone");
    return "png";
  };
  EXPECT_THROW(run_pool(2, pool), util::CommError);
}

}  // namespace
}  // namespace omnigen::validate
