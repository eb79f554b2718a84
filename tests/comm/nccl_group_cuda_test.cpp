// Every collective of NcclGroup against MpiGroup's, on as many ranks as were started.
#include <gtest/gtest.h>

#include <cstdlib>

#include "comm/cuda_devices.h"
#include "comm/group_factory.h"
#include "comm/mpi_group.h"
#include "comm/nccl_group.h"
#include "comm/single_group.h"
#include "support/mpi_main.h"
#include "support/tensor_near.h"
#include "util/error.h"

namespace omnigen::comm {
namespace {

class NcclGroupTest : public testing::Test {
 protected:
  void SetUp() override {
    Job& job = test::mpi_job();
    const auto num_gpus = static_cast<int>(visible_gpus().size());
    // With a host id of its own for every rank NCCL takes ranks of one GPU for ranks of two hosts.
    const bool shared = std::getenv("NCCL_HOSTID") != nullptr && num_gpus > 0;
    if (num_gpus < job.local_size() && !shared) {
      GTEST_SKIP() << num_gpus << " GPUs are visible, " << job.local_size()
                   << " ranks need as many";
    }
    const int gpu = job.local_rank() % num_gpus;
    device_ = at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(gpu));
    select_gpu(gpu);
    nccl_ = std::make_unique<NcclGroup>(make_host(job), job.watchdog(), gpu, 120.0);
    host_ = make_host(job);
  }

  static std::unique_ptr<ProcessGroup> make_host(Job& job) {
    if (job.size() == 1) return std::make_unique<SingleGroup>();
    return std::make_unique<MpiGroup>(job.watchdog());
  }

  at::Device device_ = at::kCPU;
  std::unique_ptr<ProcessGroup> nccl_;
  std::unique_ptr<ProcessGroup> host_;
};

TEST_F(NcclGroupTest, SumsLikeMpi) {
  for (const auto dtype : {at::kFloat, at::kDouble, at::kLong}) {
    at::Tensor expected = (at::arange(100'003, at::kLong) % 1000 + nccl_->rank()).to(dtype);
    at::Tensor tensor = expected.to(device_);
    host_->all_reduce_sum(expected);
    nccl_->all_reduce_sum(tensor);
    EXPECT_TENSOR_EQ(tensor.cpu(), expected);
  }
}

TEST_F(NcclGroupTest, StartedSumsGoOnBesideOtherWork) {
  std::vector<at::Tensor> tensors;
  std::vector<at::Tensor> expected;
  std::vector<std::unique_ptr<StartedSum>> sums;
  for (int i = 0; i < 4; ++i) {
    expected.push_back(at::arange(100'003, at::kFloat) % 1000 + nccl_->rank() + i);
    tensors.push_back(expected.back().to(device_));
    sums.push_back(nccl_->start_all_reduce_sum(tensors.back()));
    host_->all_reduce_sum(expected.back());
  }
  const at::Tensor other = at::ones({512, 512}, device_).matmul(at::ones({512, 512}, device_));
  for (const auto& sum : sums) sum->wait();
  for (size_t i = 0; i < tensors.size(); ++i) EXPECT_TENSOR_EQ(tensors[i].cpu(), expected[i]);
  EXPECT_EQ(other[0][0].item<float>(), 512.0F);
}

TEST_F(NcclGroupTest, BroadcastsLikeMpi) {
  for (int root = 0; root < nccl_->size(); ++root) {
    at::Tensor expected = at::full({13}, nccl_->rank() + 1, at::kBFloat16);
    at::Tensor tensor = expected.to(device_);
    host_->broadcast(expected, root);
    nccl_->broadcast(tensor, root);
    EXPECT_TENSOR_EQ(tensor.cpu(), expected);
  }
}

TEST_F(NcclGroupTest, HostDataStaysOnTheHost) {
  EXPECT_EQ(nccl_->all_reduce_sum(1.0), nccl_->size());
  EXPECT_EQ(nccl_->all_reduce_max(nccl_->rank()), nccl_->size() - 1);
  EXPECT_EQ(nccl_->broadcast_bytes("x", 0), "x");
  EXPECT_EQ(nccl_->all_gather_bytes("ab").size(), static_cast<size_t>(nccl_->size()));
  at::Tensor on_host = at::ones({3});
  nccl_->all_reduce_sum(on_host);
  EXPECT_TENSOR_EQ(on_host, at::full({3}, static_cast<float>(nccl_->size())));
}

TEST_F(NcclGroupTest, ACollectiveOverItsLimitIsAnErrorAndTheGroupIsDone) {
  if (nccl_->size() == 1) GTEST_SKIP() << "one rank waits for nobody";
  Watchdog& watchdog = test::mpi_job().watchdog();
  watchdog.set_limits({.preparing_s = 2.0, .stepping_s = 2.0});
  at::Tensor ones = at::ones({8}, device_);
  if (nccl_->rank() == 0) {  // the others never come
    EXPECT_THROW(nccl_->all_reduce_sum(ones), util::CommError);
    EXPECT_THROW(nccl_->all_reduce_sum(ones), util::CommError);
  }
  watchdog.set_limits({.preparing_s = 60.0, .stepping_s = 60.0});
  host_->barrier();
}

TEST_F(NcclGroupTest, IsChosenWhenEveryRankHasItsOwnGpu) {
  const GroupAndDevice made = make_process_group({.device = "cuda"}, test::mpi_job());
  EXPECT_EQ(made.backend, nccl_->size() == 1 ? "single" : "nccl");
  EXPECT_EQ(made.device, device_);
}

}  // namespace
}  // namespace omnigen::comm

int main(int argc, char** argv) {
  return omnigen::test::mpi_main(argc, argv);
}
