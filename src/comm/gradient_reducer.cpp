#include "comm/gradient_reducer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <vector>

#include "util/error.h"
#include "util/stopwatch.h"

namespace omnigen::comm {
namespace {

// On their way at a time; over MPI each holds a copy of its own.
constexpr int64_t kMostOnTheirWay = int64_t{1} << 25;
constexpr int64_t kBuckets = 64;
constexpr int64_t kLeastElements = int64_t{1} << 18;
constexpr int64_t kMostElements = int64_t{1} << 23;

}  // namespace

GradientReducer::GradientReducer(ProcessGroup& group, const std::vector<int64_t>& leaf_sizes,
                                 int64_t bucket_elements)
    : group_(group), bucket_elements_(bucket_elements) {
  int64_t begin = 0;
  for (const int64_t size : leaf_sizes) {
    leaves_.emplace_back(begin, begin + size);
    begin += size;
  }
}

void GradientReducer::check_sizes(int64_t num_elements) {
  const auto sizes = group_.all_gather_bytes(std::to_string(num_elements));
  std::vector<std::string> differing;
  for (size_t rank = 0; rank < sizes.size(); ++rank) {
    if (sizes[rank] != sizes[0]) differing.push_back(fmt::format("rank {}: {}", rank, sizes[rank]));
  }
  if (!differing.empty()) {
    throw util::CommError(
        fmt::format("gradients differ in size: rank 0 trains {} parameters, {}. Every rank must "
                    "attach the same "
                    "adapter; compare the configuration and build of the ranks",
                    sizes[0], fmt::join(differing, ", ")));
  }
  num_elements_ = num_elements;
}

void GradientReducer::cut(int64_t num_elements) {
  const int64_t size = bucket_elements_ > 0
                           ? bucket_elements_
                           : std::clamp(num_elements / kBuckets, kLeastElements, kMostElements);
  buckets_.clear();
  for (int64_t end = num_elements; end > 0; end -= size) {
    buckets_.push_back({std::max<int64_t>(0, end - size), end, 0});
  }
}

void GradientReducer::begin(const at::Tensor& flat_gradients) {
  TORCH_CHECK(flat_gradients.dim() == 1 && flat_gradients.scalar_type() == at::kFloat,
              "gradients are one flat float32 buffer, not ", flat_gradients.scalar_type(), " of ",
              flat_gradients.sizes());
  if (num_elements_ < 0) {
    check_sizes(flat_gradients.numel());
    cut(num_elements_);
  }
  TORCH_CHECK(flat_gradients.numel() == num_elements_, "gradient buffer had ", num_elements_,
              " elements, now ", flat_gradients.numel());
  flat_ = flat_gradients;
  next_ = 0;
  started_early_ = 0;
  is_done_.assign(leaves_.size(), false);
  for (Bucket& bucket : buckets_) {
    bucket.open = std::count_if(leaves_.begin(), leaves_.end(), [&](const auto& leaf) {
      return leaf.first < bucket.end && leaf.second > bucket.begin;
    });
  }
}

void GradientReducer::leaf_done(size_t leaf) {
  if (is_done_.at(leaf)) return;
  is_done_[leaf] = true;
  const auto& [begin, end] = leaves_[leaf];
  for (Bucket& bucket : buckets_) {
    if (begin < bucket.end && end > bucket.begin) --bucket.open;
  }
  start_complete();
}

void GradientReducer::start_next() {
  const Bucket& bucket = buckets_[next_++];
  const int64_t elements = bucket.end - bucket.begin;
  on_their_way_.push_back(
      {group_.start_all_reduce_sum(flat_.narrow(0, bucket.begin, elements)), elements});
  elements_on_their_way_ += elements;
}

void GradientReducer::forget_first() {
  elements_on_their_way_ -= on_their_way_.front().elements;
  on_their_way_.pop_front();
}

void GradientReducer::start_complete() {
  for (const Started& started : on_their_way_) started.sum->advance();
  while (!on_their_way_.empty() && on_their_way_.front().sum->advance()) forget_first();
  while (next_ < buckets_.size() && buckets_[next_].open == 0 &&
         elements_on_their_way_ < kMostOnTheirWay) {
    start_next();
    ++started_early_;
  }
}

void GradientReducer::finish() {
  const util::Stopwatch watch;
  while (next_ < buckets_.size() || !on_their_way_.empty()) {
    while (next_ < buckets_.size() && elements_on_their_way_ < kMostOnTheirWay) start_next();
    on_their_way_.front().sum->wait();
    forget_first();
  }
  flat_ = at::Tensor();
  last_s_ = watch.elapsed_s();
  ++num_steps_;
}

void GradientReducer::reduce(const at::Tensor& flat_gradients) {
  begin(flat_gradients);
  finish();
}

}  // namespace omnigen::comm
