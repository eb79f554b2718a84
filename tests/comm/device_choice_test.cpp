#include "comm/device_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "util/error.h"

namespace omnigen::comm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// `num_ranks` ranks of a host that all see `uuids`.
std::vector<VisibleGpus> host_of(const std::string& host, int num_ranks,
                                 const std::vector<std::string>& uuids) {
  std::vector<VisibleGpus> ranks;
  for (int rank = 0; rank < num_ranks; ++rank) {
    ranks.push_back({.host = host,
                     .local_rank = rank,
                     .local_size = num_ranks,
                     .visible_devices = "not set",
                     .uuids = uuids});
  }
  return ranks;
}

std::string error_of(const std::vector<VisibleGpus>& ranks) {
  try {
    choose_devices(ranks, /*allow_sharing=*/false);
  } catch (const util::ConfigError& error) {
    return error.what();
  }
  return "no ConfigError";
}

TEST(DeviceChoice, ARankTakesTheGpuOfItsLocalNumber) {
  auto ranks = host_of("a", 2, {"u0", "u1", "u2"});
  for (auto& rank : host_of("b", 1, {"u0"})) ranks.push_back(rank);
  EXPECT_THAT(choose_devices(ranks, false), ElementsAre(0, 1, 0));
}

TEST(DeviceChoice, OneBoundGpuEachIsDeviceZero) {
  auto ranks = host_of("a", 3, {"u"});
  for (size_t i = 0; i < ranks.size(); ++i) ranks[i].uuids = {"u" + std::to_string(i)};
  EXPECT_THAT(choose_devices(ranks, false), ElementsAre(0, 0, 0));
}

TEST(DeviceChoice, TooFewGpusNamesHostAndNumbers) {
  const auto message = error_of(host_of("node7", 8, {"a", "b", "c", "d"}));
  EXPECT_THAT(message, HasSubstr("host node7: 8 ranks but 4 GPUs visible; start with -np 4"));
  EXPECT_THAT(message, HasSubstr("--map-by ppr:4:node"));
  EXPECT_THAT(message, HasSubstr("--allow_gpu_sharing"));
}

TEST(DeviceChoice, TheSameGpuBoundToAllRanksIsTooFew) {
  EXPECT_THAT(error_of(host_of("a", 2, {"u"})), HasSubstr("2 ranks but 1 GPU visible"));
}

TEST(DeviceChoice, NoGpuNamesHostAndVariable) {
  auto ranks = host_of("a", 1, {"u0"});
  ranks.push_back(host_of("b", 1, {})[0]);
  ranks[1].visible_devices = "''";
  EXPECT_THAT(error_of(ranks), HasSubstr("host b: no GPU visible to local rank 0 "
                                         "(CUDA_VISIBLE_DEVICES is '')"));
}

TEST(DeviceChoice, TwoRanksOnOneGpuAreFoundByUuid) {
  // Each rank sees two devices, in another order: local ranks 0 and 1 meet on "u0".
  auto ranks = host_of("a", 2, {"u0", "u1"});
  ranks[1].uuids = {"u1", "u0"};
  EXPECT_THAT(error_of(ranks), HasSubstr("ranks 0 and 1 would both use GPU u0"));
}

TEST(DeviceChoice, SharingTakesTurns) {
  EXPECT_THAT(choose_devices(host_of("a", 4, {"u0", "u1"}), /*allow_sharing=*/true),
              ElementsAre(0, 1, 0, 1));
}

TEST(DeviceChoice, KnowsWhenNobodyHasAGpu) {
  auto ranks = host_of("a", 2, {});
  EXPECT_TRUE(no_gpus(ranks));
  ranks[1].uuids = {"u0"};
  EXPECT_FALSE(no_gpus(ranks));
}

TEST(DeviceChoice, SurvivesTheWire) {
  const VisibleGpus sent = host_of("a", 3, {"u0", "u1"})[2];
  const VisibleGpus received = visible_gpus_from_json(to_json(sent));
  EXPECT_EQ(received.host, "a");
  EXPECT_EQ(received.local_rank, 2);
  EXPECT_EQ(received.local_size, 3);
  EXPECT_EQ(received.visible_devices, "not set");
  EXPECT_THAT(received.uuids, ElementsAre("u0", "u1"));
}

}  // namespace
}  // namespace omnigen::comm
