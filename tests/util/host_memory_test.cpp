#include "util/host_memory.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <vector>

namespace omnigen::util {
namespace {

constexpr int64_t kMib = int64_t{1} << 20;

TEST(HostMemory, SeesWhatIsTakenAndThePeakOfIt) {
  const int64_t before = resident_bytes();
  ASSERT_GT(before, kMib);
  {
    std::vector<char> block(200 * kMib);
    std::memset(block.data(), 1, block.size());
    EXPECT_GT(resident_bytes(), before + 190 * kMib);
  }
  EXPECT_GT(peak_resident_bytes(), before + 190 * kMib);
  EXPECT_LT(resident_bytes(), before + 100 * kMib);
  if (!std::ofstream("/proc/self/clear_refs")) GTEST_SKIP() << "this kernel resets no peak";
  reset_peak_resident();
  EXPECT_LT(peak_resident_bytes(), before + 190 * kMib);
}

TEST(HostMemory, AvailableIsMoreThanNothing) {
  EXPECT_GT(available_bytes(), kMib);
}

}  // namespace
}  // namespace omnigen::util
