#include "comm/nccl_group.h"

#include <ATen/cuda/CUDAEvent.h>
#include <c10/cuda/CUDAStream.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nccl.h>

#include <chrono>
#include <cstring>
#include <optional>
#include <thread>

#include "comm/frame_socket.h"
#include "util/error.h"

namespace omnigen::comm {
namespace {

constexpr std::chrono::microseconds kPollPause{20};
// A look at NCCL's errors costs a lock; completion is looked for more often.
constexpr int kPollsPerErrorCheck = 50;

ncclDataType_t nccl_type(at::ScalarType dtype) {
  switch (dtype) {
    case at::kFloat:
      return ncclFloat32;
    case at::kDouble:
      return ncclFloat64;
    default:
      return ncclInt64;
  }
}

std::string bring_up_advice() {
  return fmt::format(
      "interfaces of this host: {}. nccl_init_seconds is the limit. Run again with "
      "NCCL_DEBUG=INFO; "
      "then try, one at a time, "
      "NCCL_SOCKET_IFNAME=<interface>, NCCL_IB_DISABLE=1, NCCL_P2P_DISABLE=1 "
      "(launch/env.sh, docs/distributed.md)",
      fmt::join(own_addresses(), ", "));
}

}  // namespace

struct NcclGroup::Impl {
  ncclComm_t comm = nullptr;
  std::optional<c10::cuda::CUDAStream> own;

  c10::cuda::CUDAStream& beside(c10::DeviceIndex device) {
    if (!own) own = c10::cuda::getStreamFromPool(/*isHighPriority=*/true, device);
    return *own;
  }
};

NcclGroup::NcclGroup(std::unique_ptr<ProcessGroup> host_group, Watchdog& watchdog, int device,
                     double init_limit_s)
    : host_group_(std::move(host_group)),
      watchdog_(watchdog),
      device_(device),
      impl_(std::make_unique<Impl>()) {
  try {
    start(init_limit_s);
    prove();
  } catch (const util::CommError& error) {
    abort();
    throw util::CommError(fmt::format("NCCL did not start on GPU {}: {}; {}", device_, error.what(),
                                      bring_up_advice()));
  }
}

// After an error the other ranks may never come: nothing here may wait for them.
NcclGroup::~NcclGroup() {
  if (impl_->comm == nullptr) return;
  if (std::uncaught_exceptions() > 0) {
    abort();
    return;
  }
  const Watchdog::Operation operation(watchdog_, "ncclCommDestroy");
  ncclCommDestroy(impl_->comm);
}

void NcclGroup::abort() {
  if (impl_->comm != nullptr) ncclCommAbort(impl_->comm);
  impl_->comm = nullptr;
}

void NcclGroup::fail(const std::string& name, int result) {
  const std::string reason = ncclGetErrorString(static_cast<ncclResult_t>(result));
  const std::string last = ncclGetLastError(impl_->comm);
  abort();
  throw util::CommError(
      fmt::format("{} failed: {}{}{}", name, reason, last.empty() ? "" : ": ", last));
}

void NcclGroup::start(double init_limit_s) {
  std::string id_bytes;
  ncclUniqueId id{};
  if (is_root() && ncclGetUniqueId(&id) == ncclSuccess) {
    id_bytes.assign(reinterpret_cast<const char*>(&id), sizeof(id));
  }
  id_bytes = host_group_->broadcast_bytes(id_bytes, /*root=*/0);
  if (id_bytes.size() != sizeof(id)) throw util::CommError("rank 0 cannot make NCCL's unique id");
  std::memcpy(&id, id_bytes.data(), sizeof(id));

  const std::string name = fmt::format("ncclCommInitRank of {} ranks", size());
  const Watchdog::Operation operation(watchdog_, name, init_limit_s);
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;  // polled, so that the limit holds
  const ncclResult_t result = ncclCommInitRankConfig(&impl_->comm, size(), id, rank(), &config);
  if (result != ncclSuccess && result != ncclInProgress) fail(name, result);
  wait_enqueued(operation, name);
}

void NcclGroup::prove() {
  const at::Device device(at::kCUDA, static_cast<c10::DeviceIndex>(device_));
  at::Tensor sum = at::full({1}, rank() + 1, at::TensorOptions(device).dtype(at::kLong));
  all_reduce_sum(sum);
  const int64_t expected = int64_t{size()} * (size() + 1) / 2;
  const auto found = sum.item<int64_t>();
  if (found != expected) {
    throw util::CommError(fmt::format("a first all_reduce gave {}, expected {}", found, expected));
  }
}

void NcclGroup::wait_enqueued(const Watchdog::Operation& operation, const std::string& name) {
  for (;;) {
    ncclResult_t state = ncclSuccess;
    const ncclResult_t result = ncclCommGetAsyncError(impl_->comm, &state);
    if (result != ncclSuccess) fail(name, result);
    if (state == ncclSuccess) return;
    if (state != ncclInProgress) fail(name, state);
    operation.check();
    std::this_thread::sleep_for(kPollPause);
  }
}

void NcclGroup::enqueue(const Watchdog::Operation& operation, const std::string& name,
                        const std::function<int()>& call) {
  if (impl_->comm == nullptr)
    throw util::CommError(name + ": NCCL was aborted by an earlier error");
  try {
    const int result = call();
    if (result != ncclSuccess && result != ncclInProgress) fail(name, result);
    wait_enqueued(operation, name);
  } catch (const util::CommError&) {
    abort();  // frees the GPU from a kernel that waits for a peer
    throw;
  }
}

void NcclGroup::wait_until(const Watchdog::Operation& operation, const std::string& name,
                           const std::function<bool()>& is_done) {
  try {
    for (int polls = 1; !is_done(); ++polls) {
      if (polls % kPollsPerErrorCheck == 0) wait_enqueued(operation, name);
      operation.check();
      std::this_thread::sleep_for(kPollPause);
    }
  } catch (const util::CommError&) {
    abort();
    throw;
  }
}

void NcclGroup::run(const std::string& name, const std::function<int()>& call) {
  const Watchdog::Operation operation(watchdog_, name);
  enqueue(operation, name, call);
  const auto stream = c10::cuda::getCurrentCUDAStream(static_cast<c10::DeviceIndex>(device_));
  wait_until(operation, name, [&] { return stream.query(); });
}

// On a stream beside the one that computes, behind what was asked of that one so far.
class NcclGroup::SumOnStream : public StartedSum {
 public:
  SumOnStream(NcclGroup& group, const at::Tensor& tensor)
      : group_(group),
        tensor_(tensor),
        name_(fmt::format("all_reduce of {} bytes over NCCL", tensor.nbytes())) {
    const auto index = static_cast<c10::DeviceIndex>(group_.device_);
    c10::cuda::CUDAStream& own = group_.impl_->beside(index);
    at::cuda::CUDAEvent ready;
    ready.record(c10::cuda::getCurrentCUDAStream(index));
    ready.block(own);
    const Watchdog::Operation operation(group_.watchdog_, name_);
    group_.enqueue(operation, name_, [&] {
      return ncclAllReduce(tensor_.data_ptr(), tensor_.data_ptr(),
                           static_cast<size_t>(tensor_.numel()), nccl_type(tensor_.scalar_type()),
                           ncclSum, group_.impl_->comm, own);
    });
    done_.record(own);
  }

  bool advance() override { return done_.query(); }
  // The stream that computes may go on as well: its next work is enqueued after this.
  void wait() override {
    const Watchdog::Operation operation(group_.watchdog_, name_);
    group_.wait_until(operation, name_, [this] { return done_.query(); });
  }

 private:
  NcclGroup& group_;
  at::Tensor tensor_;
  std::string name_;
  at::cuda::CUDAEvent done_;
};

void NcclGroup::all_reduce_sum(at::Tensor& tensor) {
  check_reducible(tensor);
  if (!tensor.is_cuda()) {
    host_group_->all_reduce_sum(tensor);
    return;
  }
  run(fmt::format("all_reduce of {} bytes over NCCL", tensor.nbytes()), [&] {
    return ncclAllReduce(tensor.data_ptr(), tensor.data_ptr(), static_cast<size_t>(tensor.numel()),
                         nccl_type(tensor.scalar_type()), ncclSum, impl_->comm,
                         c10::cuda::getCurrentCUDAStream(static_cast<c10::DeviceIndex>(device_)));
  });
}

std::unique_ptr<StartedSum> NcclGroup::start_all_reduce_sum(const at::Tensor& tensor) {
  check_reducible(tensor);
  if (!tensor.is_cuda()) return host_group_->start_all_reduce_sum(tensor);
  return std::make_unique<SumOnStream>(*this, tensor);
}

void NcclGroup::broadcast(at::Tensor& tensor, int root) {
  check_root(root);
  check_contiguous(tensor);
  if (!tensor.is_cuda()) {
    host_group_->broadcast(tensor, root);
    return;
  }
  run(fmt::format("broadcast of {} bytes from rank {} over NCCL", tensor.nbytes(), root), [&] {
    return ncclBroadcast(tensor.data_ptr(), tensor.data_ptr(), tensor.nbytes(), ncclUint8, root,
                         impl_->comm,
                         c10::cuda::getCurrentCUDAStream(static_cast<c10::DeviceIndex>(device_)));
  });
}

std::string NcclGroup::broadcast_bytes(const std::string& bytes, int root) {
  return host_group_->broadcast_bytes(bytes, root);
}

std::vector<std::string> NcclGroup::all_gather_bytes(const std::string& bytes) {
  return host_group_->all_gather_bytes(bytes);
}

double NcclGroup::all_reduce_max(double value) {
  return host_group_->all_reduce_max(value);
}

double NcclGroup::all_reduce_sum(double value) {
  return host_group_->all_reduce_sum(value);
}

std::string nccl_version() {
  int version = 0;
  if (ncclGetVersion(&version) != ncclSuccess) return "NCCL of unknown version";
  return fmt::format("NCCL {}.{}.{}", version / 10000, version % 10000 / 100, version % 100);
}

}  // namespace omnigen::comm
