#include "comm/mpi_group.h"

#include <fmt/format.h>
#include <mpi.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <limits>
#include <numeric>

#include "util/error.h"

namespace omnigen::comm {
namespace {

// MPI counts are int.
constexpr int64_t kMaxCount = int64_t{1} << 30;
// Elements that are summed at a time: as many are held besides.
constexpr int64_t kSegment = int64_t{1} << 24;

void check(int status, const char* what) {
  if (status == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(status, text.data(), &length);
  throw util::CommError(
      fmt::format("{} failed: {}. A rank may be gone; see what the other ranks logged last", what,
                  std::string(text.data(), static_cast<size_t>(length))));
}

MPI_Datatype mpi_type(at::ScalarType dtype) {
  switch (dtype) {
    case at::kFloat:
      return MPI_FLOAT;
    case at::kDouble:
      return MPI_DOUBLE;
    default:
      return MPI_INT64_T;
  }
}

// Waits without starving peers that share the core, and answers fast while the collective moves.
class Backoff {
 public:
  void pause() {
    if (polls_ < kYields) {
      ++polls_;
      ::sched_yield();
    } else {
      const timespec nap{0, kNapNanoseconds};
      ::nanosleep(&nap, nullptr);
    }
  }

 private:
  static constexpr int kYields = 500;
  static constexpr long kNapNanoseconds = 20'000;
  int polls_ = 0;
};

// Runs the non-blocking collective that `start(&request)` begins, to its end.
// Errors: CommError when it fails or outlives its limit.
template <typename Start>
void complete(const Watchdog::Operation& operation, const char* what, const Start& start) {
  MPI_Request request = MPI_REQUEST_NULL;
  check(start(&request), what);
  Backoff backoff;
  for (;;) {
    int done = 0;
    check(MPI_Request_get_status(request, &done, MPI_STATUS_IGNORE), what);
    if (done != 0) break;
    operation.check();
    backoff.pause();
  }
  // NOLINTNEXTLINE(clang-analyzer-optin.mpi.MPI-Checker): `start` has begun it
  check(MPI_Wait(&request, MPI_STATUS_IGNORE), what);
}

}  // namespace

struct MpiGroup::Impl {
  MPI_Comm comm = MPI_COMM_NULL;
};

MpiGroup::MpiGroup(Watchdog& watchdog) : watchdog_(watchdog), impl_(std::make_unique<Impl>()) {
  const Watchdog::Operation operation(watchdog_, "MPI_Comm_idup");
  complete(operation, "MPI_Comm_idup", [&](MPI_Request* request) {
    return MPI_Comm_idup(MPI_COMM_WORLD, &impl_->comm, request);
  });
  check(MPI_Comm_set_errhandler(impl_->comm, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  check(MPI_Comm_rank(impl_->comm, &rank_), "MPI_Comm_rank");
  check(MPI_Comm_size(impl_->comm, &size_), "MPI_Comm_size");
}

// The communicator is left to MPI_Finalize: MPI_Comm_free is collective, and a destructor may run
// on one rank alone while an error unwinds.
MpiGroup::~MpiGroup() = default;

void MpiGroup::all_reduce_sum(at::Tensor& tensor) {
  check_reducible(tensor);
  if (!tensor.is_cpu()) {
    at::Tensor host = tensor.cpu();
    all_reduce_sum(host);
    tensor.copy_(host);
    return;
  }
  const Watchdog::Operation operation(
      watchdog_, fmt::format("all_reduce of {} bytes over MPI", tensor.nbytes()));
  const at::Tensor flat = tensor.view({-1});
  for (const at::Tensor& segment : flat.split(kSegment)) {
    sum_segment(segment,
                [&](const char* what, const auto& start) { complete(operation, what, start); });
  }
}

// Every rank sums a part in rank order, and all get all parts: 2 (R - 1)/R of the bytes over each
// link, both ways at once, in two rounds. Open MPI's own non-blocking sum in place goes up and down
// a tree: 2 log R times the bytes, one way at a time.
template <class Complete>
void MpiGroup::sum_segment(const at::Tensor& segment, const Complete& complete_one) {
  const int64_t part = (segment.numel() + size_ - 1) / size_;
  std::vector<int> counts;
  std::vector<int> begins;
  for (int64_t rank = 0; rank < size_; ++rank) {
    const int64_t begin = std::min(rank * part, segment.numel());
    begins.push_back(static_cast<int>(begin));
    counts.push_back(static_cast<int>(std::min(begin + part, segment.numel()) - begin));
  }
  const int own = counts[static_cast<size_t>(rank_)];
  const std::vector<int> own_counts(counts.size(), own);
  std::vector<int> own_begins(counts.size());
  for (int rank = 0; rank < size_; ++rank) own_begins[static_cast<size_t>(rank)] = rank * own;
  const at::Tensor received = at::empty({size_, own}, segment.options());
  MPI_Datatype type = mpi_type(segment.scalar_type());
  complete_one("MPI_Ialltoallv", [&](MPI_Request* request) {
    return MPI_Ialltoallv(segment.data_ptr(), counts.data(), begins.data(), type,
                          received.data_ptr(), own_counts.data(), own_begins.data(), type,
                          impl_->comm, request);
  });
  at::Tensor sum = segment.narrow(0, begins[static_cast<size_t>(rank_)], own);
  sum.copy_(received[0]);
  for (int rank = 1; rank < size_; ++rank) sum.add_(received[rank]);
  complete_one("MPI_Iallgatherv", [&](MPI_Request* request) {
    return MPI_Iallgatherv(MPI_IN_PLACE, 0, type, segment.data_ptr(), counts.data(), begins.data(),
                           type, impl_->comm, request);
  });
}

void MpiGroup::broadcast_raw(void* data, size_t num_bytes, int root) {
  const Watchdog::Operation operation(
      watchdog_, fmt::format("broadcast of {} bytes from rank {} over MPI", num_bytes, root));
  auto* bytes = static_cast<char*>(data);
  for (size_t begin = 0; begin < num_bytes; begin += kMaxCount) {
    const auto count = static_cast<int>(std::min<size_t>(kMaxCount, num_bytes - begin));
    complete(operation, "MPI_Ibcast", [&](MPI_Request* request) {
      return MPI_Ibcast(bytes + begin, count, MPI_BYTE, root, impl_->comm, request);
    });
  }
}

void MpiGroup::broadcast(at::Tensor& tensor, int root) {
  check_root(root);
  check_contiguous(tensor);
  if (tensor.is_cpu()) {
    broadcast_raw(tensor.data_ptr(), tensor.nbytes(), root);
    return;
  }
  const at::Tensor host = tensor.cpu();
  broadcast_raw(host.data_ptr(), host.nbytes(), root);
  tensor.copy_(host);
}

void MpiGroup::barrier() {
  const Watchdog::Operation operation(watchdog_, "barrier over MPI");
  complete(operation, "MPI_Ibarrier",
           [&](MPI_Request* request) { return MPI_Ibarrier(impl_->comm, request); });
}

std::string MpiGroup::broadcast_bytes(const std::string& bytes, int root) {
  check_root(root);
  auto num_bytes = static_cast<int64_t>(bytes.size());
  broadcast_raw(&num_bytes, sizeof(num_bytes), root);
  std::string result = rank_ == root ? bytes : std::string(static_cast<size_t>(num_bytes), '\0');
  broadcast_raw(result.data(), result.size(), root);
  return result;
}

std::vector<int64_t> MpiGroup::gather_sizes(int64_t num_bytes) {
  const Watchdog::Operation operation(watchdog_, "all_gather of sizes over MPI");
  std::vector<int64_t> sizes(static_cast<size_t>(size_));
  complete(operation, "MPI_Iallgather", [&](MPI_Request* request) {
    return MPI_Iallgather(&num_bytes, 1, MPI_INT64_T, sizes.data(), 1, MPI_INT64_T, impl_->comm,
                          request);
  });
  return sizes;
}

std::vector<std::string> MpiGroup::all_gather_bytes(const std::string& bytes) {
  const auto sizes = gather_sizes(static_cast<int64_t>(bytes.size()));
  const int64_t total = std::accumulate(sizes.begin(), sizes.end(), int64_t{0});
  std::vector<std::string> parts;
  parts.reserve(sizes.size());
  if (total > std::numeric_limits<int>::max()) {  // beyond MPI's displacements: one by one
    for (int root = 0; root < size_; ++root) parts.push_back(broadcast_bytes(bytes, root));
    return parts;
  }
  std::vector<int> counts(sizes.begin(), sizes.end());
  std::vector<int> offsets(counts.size());
  std::exclusive_scan(counts.begin(), counts.end(), offsets.begin(), 0);
  std::string all(static_cast<size_t>(total), '\0');
  {
    const Watchdog::Operation operation(watchdog_,
                                        fmt::format("all_gather of {} bytes over MPI", total));
    complete(operation, "MPI_Iallgatherv", [&](MPI_Request* request) {
      return MPI_Iallgatherv(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, all.data(),
                             counts.data(), offsets.data(), MPI_BYTE, impl_->comm, request);
    });
  }
  for (size_t i = 0; i < counts.size(); ++i) {
    parts.push_back(all.substr(static_cast<size_t>(offsets[i]), static_cast<size_t>(counts[i])));
  }
  return parts;
}

std::vector<double> MpiGroup::gather_doubles(double value, const char* name) {
  const Watchdog::Operation operation(watchdog_, name);
  std::vector<double> values(static_cast<size_t>(size_));
  complete(operation, "MPI_Iallgather", [&](MPI_Request* request) {
    return MPI_Iallgather(&value, 1, MPI_DOUBLE, values.data(), 1, MPI_DOUBLE, impl_->comm,
                          request);
  });
  return values;
}

// Not MPI_MAX and MPI_SUM: the former is undefined for NaN, the order of the latter is MPI's own.
double MpiGroup::all_reduce_max(double value) {
  const auto values = gather_doubles(value, "maximum of one number over MPI");
  if (std::any_of(values.begin(), values.end(), [](double v) { return std::isnan(v); })) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  return *std::max_element(values.begin(), values.end());
}

double MpiGroup::all_reduce_sum(double value) {
  const auto values = gather_doubles(value, "sum of one number over MPI");
  return std::accumulate(values.begin(), values.end(), 0.0);
}

}  // namespace omnigen::comm
