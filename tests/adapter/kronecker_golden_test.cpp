#include <gtest/gtest.h>

#include "adapter/kronecker.h"
#include "support/golden.h"

namespace omnigen::adapter {
namespace {

TEST(KroneckerGolden, FactorizesAsTheReference) {
  const auto json = test::read_json(test::golden_dir() / "lokr/factorization.json");
  for (const auto& row : json.at("rows")) {
    const std::pair expected{row[2].get<int64_t>(), row[3].get<int64_t>()};
    EXPECT_EQ(factorize(row[0].get<int64_t>(), row[1].get<int64_t>()), expected) << row;
  }
}

}  // namespace
}  // namespace omnigen::adapter
