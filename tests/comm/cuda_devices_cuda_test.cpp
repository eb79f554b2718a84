#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <set>

#include "comm/cuda_devices.h"

namespace omnigen::comm {
namespace {

TEST(CudaDevices, DescribesEveryGpu) {
  const auto gpus = visible_gpus();
  if (gpus.empty()) GTEST_SKIP() << "no GPU is visible";
  std::set<std::string> uuids;
  for (const GpuFacts& gpu : gpus) {
    EXPECT_FALSE(gpu.name.empty());
    EXPECT_THAT(gpu.uuid, testing::MatchesRegex("GPU-[0-9a-f-]{36}"));
    EXPECT_THAT(gpu.pci_bus_id, testing::MatchesRegex("[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\\.0"));
    uuids.insert(gpu.uuid);
  }
  EXPECT_EQ(uuids.size(), gpus.size());
}

TEST(CudaDevices, SelectedGpuIsWhereTensorsGo) {
  const auto gpus = visible_gpus();
  if (gpus.empty()) GTEST_SKIP() << "no GPU is visible";
  const int last = static_cast<int>(gpus.size()) - 1;
  select_gpu(last);
  EXPECT_EQ(at::empty({1}, at::kCUDA).get_device(), last);
  select_gpu(0);
}

}  // namespace
}  // namespace omnigen::comm
