#include "comm/mpi_group.h"

#include <fmt/format.h>
#include <mpi.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <deque>
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
  // Of the two rounds of a sum. The collectives of one communicator must come in the same order on
  // every rank, but whose first round is over differs: second rounds begin in the order of the
  // sums.
  MPI_Comm exchange = MPI_COMM_NULL;
  MPI_Comm spread = MPI_COMM_NULL;
  std::deque<SumByParts*> in_first_round;
};

MpiGroup::MpiGroup(Watchdog& watchdog) : watchdog_(watchdog), impl_(std::make_unique<Impl>()) {
  const Watchdog::Operation operation(watchdog_, "MPI_Comm_idup");
  for (MPI_Comm* comm : {&impl_->comm, &impl_->exchange, &impl_->spread}) {
    complete(operation, "MPI_Comm_idup",
             [&](MPI_Request* request) { return MPI_Comm_idup(MPI_COMM_WORLD, comm, request); });
    check(MPI_Comm_set_errhandler(*comm, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  }
  check(MPI_Comm_rank(impl_->comm, &rank_), "MPI_Comm_rank");
  check(MPI_Comm_size(impl_->comm, &size_), "MPI_Comm_size");
}

// The communicators are left to MPI_Finalize: MPI_Comm_free is collective, and a destructor may run
// on one rank alone while an error unwinds.
MpiGroup::~MpiGroup() = default;

// Every rank sums a part in rank order, and all get all parts: 2 (R - 1)/R of the bytes over each
// link, both ways at once, in two rounds. Open MPI's own non-blocking sum in place goes up and down
// a tree: 2 log R times the bytes, one way at a time.
class MpiGroup::SumByParts : public StartedSum {
 public:
  SumByParts(MpiGroup& group, const at::Tensor& segment)
      : group_(group), memory_(std::make_unique<Memory>()) {
    Memory& m = *memory_;
    m.segment = segment;
    const int64_t part = (segment.numel() + group_.size_ - 1) / group_.size_;
    for (int64_t rank = 0; rank < group_.size_; ++rank) {
      const int64_t begin = std::min(rank * part, segment.numel());
      m.begins.push_back(static_cast<int>(begin));
      m.counts.push_back(static_cast<int>(std::min(begin + part, segment.numel()) - begin));
    }
    const int own = m.counts[static_cast<size_t>(group_.rank_)];
    m.own_counts.assign(m.counts.size(), own);
    for (int rank = 0; rank < group_.size_; ++rank) m.own_begins.push_back(rank * own);
    m.received = at::empty({group_.size_, own}, segment.options());
    check(MPI_Ialltoallv(segment.data_ptr(), m.counts.data(), m.begins.data(), type(),
                         m.received.data_ptr(), m.own_counts.data(), m.own_begins.data(), type(),
                         group_.impl_->exchange, &request_),
          "MPI_Ialltoallv");
    group_.impl_->in_first_round.push_back(this);
  }
  ~SumByParts() override {
    if (round_ != Round::kDone) static_cast<void>(memory_.release());
    if (round_ == Round::kExchange) std::erase(group_.impl_->in_first_round, this);
  }

  bool advance() override {
    std::deque<SumByParts*>& first = group_.impl_->in_first_round;
    while (!first.empty() && first.front()->request_is_done()) {
      SumByParts& sum = *first.front();
      first.pop_front();
      sum.sum_own();
      sum.start_spread();
    }
    if (round_ == Round::kSpread && request_is_done()) {
      round_ = Round::kDone;
      memory_->received = at::Tensor();
    }
    return round_ == Round::kDone;
  }

  void wait() override {
    const Watchdog::Operation operation(
        group_.watchdog_,
        fmt::format("all_reduce of {} bytes over MPI", memory_->segment.nbytes()));
    Backoff backoff;
    while (!advance()) {
      operation.check();
      backoff.pause();
    }
  }

 private:
  enum class Round { kExchange, kSpread, kDone };
  // What MPI reads and writes until a request is done. Left to it where nobody waits for that.
  struct Memory {
    at::Tensor segment;
    at::Tensor received;  // every rank's values of this rank's part
    std::vector<int> counts;
    std::vector<int> begins;
    std::vector<int> own_counts;
    std::vector<int> own_begins;
  };

  [[nodiscard]] MPI_Datatype type() const { return mpi_type(memory_->segment.scalar_type()); }
  bool request_is_done() {
    int done = 0;
    check(MPI_Test(&request_, &done, MPI_STATUS_IGNORE), "a sum over MPI");
    return done != 0;
  }
  void sum_own() {
    const at::NoGradGuard no_grad;
    const auto rank = static_cast<size_t>(group_.rank_);
    const Memory& m = *memory_;
    at::Tensor sum = m.segment.narrow(0, m.begins[rank], m.counts[rank]);
    sum.copy_(m.received[0]);
    for (int other = 1; other < group_.size_; ++other) sum.add_(m.received[other]);
  }
  void start_spread() {
    const Memory& m = *memory_;
    round_ = Round::kSpread;
    check(MPI_Iallgatherv(MPI_IN_PLACE, 0, type(), m.segment.data_ptr(), m.counts.data(),
                          m.begins.data(), type(), group_.impl_->spread, &request_),
          "MPI_Iallgatherv");
  }

  MpiGroup& group_;
  std::unique_ptr<Memory> memory_;
  MPI_Request request_ = MPI_REQUEST_NULL;
  Round round_ = Round::kExchange;
};

void MpiGroup::all_reduce_sum(at::Tensor& tensor) {
  check_reducible(tensor);
  if (!tensor.is_cpu()) {
    at::Tensor host = tensor.cpu();
    all_reduce_sum(host);
    tensor.copy_(host);
    return;
  }
  const at::Tensor flat = tensor.view({-1});
  for (const at::Tensor& segment : flat.split(kSegment)) SumByParts(*this, segment).wait();
}

std::unique_ptr<StartedSum> MpiGroup::start_all_reduce_sum(const at::Tensor& tensor) {
  check_reducible(tensor);
  if (!tensor.is_cpu() || tensor.numel() > kSegment) {
    return ProcessGroup::start_all_reduce_sum(tensor);
  }
  return std::make_unique<SumByParts>(*this, tensor.view({-1}));
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
