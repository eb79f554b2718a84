#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "comm/cpu_affinity.h"
#include "comm/group_factory.h"
#include "comm/job.h"
#include "support/mpi_main.h"
#include "support/tensor_near.h"
#include "util/error.h"

namespace omnigen::comm {
namespace {

TEST(JobMpi, KnowsRanksHostAndLauncher) {
  Job& job = test::mpi_job();
  EXPECT_EQ(job.launcher(), "mpirun");
  EXPECT_EQ(job.environment().num_processes, job.size());
  EXPECT_EQ(job.group().rank(), job.rank());
  EXPECT_EQ(job.group().size(), job.size());
  EXPECT_EQ(job.local_size(), job.size());  // one host
  EXPECT_EQ(job.local_rank(), job.rank());
  EXPECT_FALSE(job.host().empty());
}

TEST(JobMpi, RanksShareTheCpus) {
  const auto num_ranks = static_cast<size_t>(test::mpi_job().local_size());
  const int share = std::max<int>(1, static_cast<int>(allowed_cpus().size() / num_ranks));
  EXPECT_EQ(at::get_num_threads(), share);
}

TEST(JobMpi, MakesAnMpiGroupOnTheCpu) {
  GroupAndDevice made = make_process_group({.device = "cpu"}, test::mpi_job());
  EXPECT_EQ(made.backend, "mpi");
  EXPECT_EQ(made.device, at::kCPU);
  at::Tensor ones = at::ones({3});
  made.group->all_reduce_sum(ones);
  EXPECT_TENSOR_EQ(ones, at::full({3}, static_cast<float>(test::mpi_job().size())));
}

TEST(JobMpi, RefusesADeviceItDoesNotKnow) {
  EXPECT_THROW(make_process_group({.device = "tpu"}, test::mpi_job()), util::ConfigError);
}

TEST(JobMpi, GroupsDoNotDisturbEachOther) {
  Job& job = test::mpi_job();
  GroupAndDevice other = make_process_group({.device = "cpu"}, job);
  // Even ranks enter the two groups' collectives in the same order as odd ones, one by one.
  EXPECT_EQ(other.group->all_reduce_max(job.rank()), job.size() - 1);
  EXPECT_EQ(job.group().all_reduce_sum(1.0), job.size());
  EXPECT_EQ(other.group->all_reduce_sum(2.0), 2.0 * job.size());
}

}  // namespace
}  // namespace omnigen::comm

int main(int argc, char** argv) {
  return omnigen::test::mpi_main(argc, argv);
}
