#include "data/share_out.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <numeric>

namespace omnigen::data {
namespace {

using Places = std::vector<int64_t>;

constexpr double kAsGood = 1.01;

double cost_of(const Places& places, const std::vector<double>& costs) {
  return std::accumulate(places.begin(), places.end(), 0.0, [&](double sum, int64_t place) {
    return sum + costs[static_cast<size_t>(place)];
  });
}

double most(const std::vector<Places>& bins, const std::vector<double>& costs) {
  double result = 0.0;
  for (const Places& bin : bins) result = std::max(result, cost_of(bin, costs));
  return result;
}

std::vector<Places> in_order(const Places& places, int64_t num_bins) {
  std::vector<Places> bins;
  const auto count = std::ssize(places);
  for (int64_t i = 0; i < num_bins; ++i) {
    bins.emplace_back(places.begin() + i * count / num_bins,
                      places.begin() + (i + 1) * count / num_bins);
  }
  return bins;
}

// One sample of `full` and one of `other`, or none of it: moved so that the costlier of the two
// bins costs less. False: nothing helps.
bool move_between(Places& full, Places& other, const std::vector<double>& costs) {
  const double gap = cost_of(full, costs) - cost_of(other, costs);
  double best = gap;  // what is left of it
  int64_t* given = nullptr;
  int64_t* taken = nullptr;
  for (int64_t& place : full) {
    const double cost = costs[static_cast<size_t>(place)];
    const auto consider = [&](double back, int64_t* from) {
      const double left = std::abs(gap - 2 * (cost - back));
      if (cost <= back || left >= best - 1e-9 * gap) return;
      best = left;
      given = &place;
      taken = from;
    };
    if (full.size() > 1) consider(0.0, nullptr);
    for (int64_t& back : other) consider(costs[static_cast<size_t>(back)], &back);
  }
  if (given == nullptr) return false;
  if (taken != nullptr) {
    std::swap(*given, *taken);
  } else {
    other.push_back(*given);
    full.erase(full.begin() + (given - full.data()));
  }
  return true;
}

void improve(std::vector<Places>& bins, const std::vector<double>& costs) {
  constexpr int kMaxMoves = 100;
  const auto less = [&](const Places& a, const Places& b) {
    return cost_of(a, costs) < cost_of(b, costs);
  };
  for (int i = 0; i < kMaxMoves; ++i) {
    const auto full = std::max_element(bins.begin(), bins.end(), less);
    const auto least = std::min_element(bins.begin(), bins.end(), less);
    if (full == least || !move_between(*full, *least, costs)) return;
  }
}

std::vector<Places> costly_first(Places places, int64_t num_bins,
                                 const std::vector<double>& costs) {
  std::stable_sort(places.begin(), places.end(), [&](int64_t a, int64_t b) {
    return costs[static_cast<size_t>(a)] > costs[static_cast<size_t>(b)];
  });
  std::vector<Places> bins(static_cast<size_t>(num_bins));
  std::vector<double> sums(bins.size());
  for (const int64_t place : places) {
    const auto least = std::min_element(sums.begin(), sums.end());
    *least += costs[static_cast<size_t>(place)];
    bins[static_cast<size_t>(least - sums.begin())].push_back(place);
  }
  improve(bins, costs);
  for (Places& bin : bins) std::sort(bin.begin(), bin.end());
  return bins;
}

std::vector<Places> split(const Places& places, int64_t num_bins,
                          const std::vector<double>& costs) {
  std::vector<Places> ordered = in_order(places, num_bins);
  const double mean = cost_of(places, costs) / static_cast<double>(num_bins);
  if (most(ordered, costs) <= kAsGood * mean) return ordered;  // nothing can be below the mean
  std::vector<Places> balanced = costly_first(places, num_bins, costs);
  return most(ordered, costs) <= kAsGood * most(balanced, costs) ? ordered : balanced;
}

// Micro-batches of at most `capacity` tokens.
std::vector<Places> packed(const Places& places, const std::vector<double>& tokens,
                           double capacity) {
  Places by_size = places;
  std::stable_sort(by_size.begin(), by_size.end(), [&](int64_t a, int64_t b) {
    return tokens[static_cast<size_t>(a)] > tokens[static_cast<size_t>(b)];
  });
  std::vector<Places> bins;
  for (const int64_t place : by_size) {
    auto bin = std::find_if(bins.begin(), bins.end(), [&](const Places& filled) {
      return cost_of(filled, tokens) + tokens[static_cast<size_t>(place)] <= capacity;
    });
    if (bin == bins.end()) bin = bins.insert(bins.end(), Places());
    bin->push_back(place);
  }
  std::vector<Places> even = split(places, std::ssize(bins), tokens);
  if (most(even, tokens) <= capacity) return even;
  for (Places& bin : bins) std::sort(bin.begin(), bin.end());
  return bins;
}

}  // namespace

Shares share_out(const std::vector<double>& costs, const BatchShape& shape,
                 const std::vector<double>& tokens) {
  TORCH_CHECK(std::ssize(costs) == shape.global_batch(), "share_out: ", costs.size(),
              " samples for a global batch of ", shape.global_batch());
  TORCH_CHECK(shape.most_tokens == 0 || tokens.size() == costs.size(), "share_out: tokens of ",
              tokens.size(), " samples of ", costs.size());
  Places all(costs.size());
  std::iota(all.begin(), all.end(), 0);
  Shares shares;
  for (const Places& of_rank : split(all, shape.world_size, costs)) {
    std::vector<Places> micro_batches =
        shape.most_tokens > 0 ? packed(of_rank, tokens, static_cast<double>(shape.most_tokens))
                              : split(of_rank, shape.accumulation, costs);
    std::erase_if(micro_batches, [](const Places& places) { return places.empty(); });
    shares.push_back(std::move(micro_batches));
  }
  return shares;
}

double imbalance(const Shares& shares, const std::vector<double>& costs) {
  double largest = 0.0;
  for (const std::vector<Places>& micro_batches : shares) {
    double sum = 0.0;
    for (const Places& places : micro_batches) sum += cost_of(places, costs);
    largest = std::max(largest, sum);
  }
  const double total = std::accumulate(costs.begin(), costs.end(), 0.0);
  return largest * static_cast<double>(shares.size()) / total;
}

}  // namespace omnigen::data
