#include "comm/group_factory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "util/error.h"

namespace omnigen::comm {
namespace {

// A job without a launcher: one rank, no MPI.
class GroupFactory : public testing::Test {
 protected:
  std::string name_ = "group_factory_test";
  char* arguments_[2] = {name_.data(), nullptr};
  int argc_ = 1;
  char** argv_ = arguments_;
  Job job_{&argc_, &argv_};
};

TEST_F(GroupFactory, OneRankOnTheCpuNeedsNoBackend) {
  GroupAndDevice made = make_process_group({.device = "cpu"}, job_);
  EXPECT_EQ(made.backend, "single");
  EXPECT_EQ(made.group->size(), 1);
  EXPECT_EQ(made.device, at::kCPU);
}

TEST_F(GroupFactory, AutoTakesAGpuIfThereIsOne) {
  const GroupAndDevice made = make_process_group({}, job_);
  EXPECT_EQ(made.device.type(), at::globalContext().hasCUDA() ? at::kCUDA : at::kCPU);
  EXPECT_EQ(made.backend, "single");
}

TEST_F(GroupFactory, AGpuThatIsAskedForAndMissingIsAnError) {
  if (at::globalContext().hasCUDA()) GTEST_SKIP() << "this machine has a GPU";
  try {
    make_process_group({.device = "cuda"}, job_);
    FAIL() << "no error";
  } catch (const util::ConfigError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("host " + job_.host() + ": no GPU visible"));
  }
}

TEST_F(GroupFactory, RefusesADeviceItDoesNotKnow) {
  EXPECT_THROW(make_process_group({.device = "tpu"}, job_), util::ConfigError);
}

TEST_F(GroupFactory, TheDeviceAloneIsTheGroupsDevice) {
  EXPECT_EQ(choose_device({.device = "cpu"}, job_), at::kCPU);
  EXPECT_EQ(choose_device({}, job_), make_process_group({}, job_).device);
}

TEST_F(GroupFactory, VersionsNameEveryLibrary) {
  const std::string versions = library_versions();
  EXPECT_NE(versions.find("libtorch 2."), std::string::npos) << versions;
  EXPECT_NE(versions.find("MPI"), std::string::npos) << versions;
  EXPECT_NE(versions.find("CUDA"), std::string::npos) << versions;
}

}  // namespace
}  // namespace omnigen::comm
