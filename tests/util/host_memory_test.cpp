#include "util/host_memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
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

TEST(HostMemory, AMappedFileIsUnreadUntilItIsRead) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("omnigen_mapped_" + std::to_string(getpid()) + ".weights");
  std::ofstream(path) << std::string(8 * kMib, 'x');
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  void* mapped = mmap(nullptr, 8 * kMib, PROT_READ, MAP_PRIVATE, file, 0);
  ASSERT_NE(mapped, MAP_FAILED);
  madvise(mapped, 8 * kMib, MADV_RANDOM);  // no more than what is touched
  EXPECT_EQ(unread_mapped_bytes(".weights"), 8 * kMib);
  EXPECT_EQ(unread_mapped_bytes(".other"), 0);
  int64_t sum = 0;
  for (int64_t at = 0; at < 4 * kMib; at += 4096) sum += static_cast<const char*>(mapped)[at];
  EXPECT_GT(sum, 0);
  EXPECT_NEAR(static_cast<double>(unread_mapped_bytes(".weights")), 4.0 * kMib, 0.5 * kMib);
  munmap(mapped, 8 * kMib);
  close(file);
  std::filesystem::remove(path);
}

// Page faults of taking, filling and freeing so many bytes.
int64_t faults_of(int64_t bytes) {
  rusage before{};
  rusage after{};
  getrusage(RUSAGE_SELF, &before);
  std::vector<char> block(static_cast<size_t>(bytes), '\1');
  EXPECT_EQ(block[static_cast<size_t>(bytes) / 2], '\1');
  block = {};
  getrusage(RUSAGE_SELF, &after);
  return after.ru_minflt - before.ru_minflt;
}

TEST(HostMemory, FreedMemoryIsKeptForWhatComesNext) {
#if !defined(__GLIBC__)
  GTEST_SKIP() << "this C library has no mallopt";
#endif
  keep_freed_memory();
  const int64_t first = faults_of(20 * kMib);
  EXPECT_GT(first, 100);  // pages may be large
  EXPECT_LT(faults_of(20 * kMib), first / 10);
  EXPECT_LT(faults_of(15 * kMib), first / 10);
}

TEST(HostMemory, AvailableIsMoreThanNothing) {
  EXPECT_GT(available_bytes(), kMib);
}

}  // namespace
}  // namespace omnigen::util
