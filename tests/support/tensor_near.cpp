#include "support/tensor_near.h"

#include <cstdio>
#include <map>

namespace omnigen::test {
namespace {

struct Worst {
  double error = 0.0;
  double bound = 0.0;
  int64_t count = 0;
};

std::map<std::string, Worst>& worst_by_kind() {
  static std::map<std::string, Worst> instance;
  return instance;
}

// Prints, for each kind of quantity, the largest error beside its tolerance.
class WorstReport : public ::testing::Environment {
 public:
  void TearDown() override {
    for (const auto& [kind, worst] : worst_by_kind()) {
      std::printf("largest error: %-32s %.2e of %.0e allowed (%lld tensors)\n", kind.c_str(),
                  worst.error, worst.bound, static_cast<long long>(worst.count));
    }
  }
};

[[maybe_unused]] const ::testing::Environment* const kReport =
    ::testing::AddGlobalTestEnvironment(new WorstReport);

}  // namespace

double error_to_peak(const at::Tensor& actual, const at::Tensor& expected) {
  if (expected.numel() == 0) return 0.0;
  const at::Tensor e = expected.to(at::kDouble);
  const double difference = (actual.detach().to(at::kDouble) - e).abs().max().item<double>();
  const double peak = e.abs().max().item<double>();
  return peak > 0 ? difference / peak : difference;
}

::testing::AssertionResult tensor_near(const at::Tensor& actual, const at::Tensor& expected,
                                       const Tolerance& tolerance, const std::string& what) {
  if (!actual.defined()) return ::testing::AssertionFailure() << what << " is undefined";
  if (actual.sizes() != expected.sizes()) {
    return ::testing::AssertionFailure()
           << what << " has shape " << actual.sizes() << ", expected " << expected.sizes();
  }
  const double error = error_to_peak(actual, expected);
  Worst& worst = worst_by_kind()[tolerance.kind];
  worst.error = std::max(worst.error, error);
  worst.bound = tolerance.relative_to_peak;
  ++worst.count;
  if (error <= tolerance.relative_to_peak) return ::testing::AssertionSuccess();  // false for NaN
  return ::testing::AssertionFailure()
         << what << ": error " << error << " of the peak, allowed " << tolerance.relative_to_peak
         << " (" << tolerance.kind << ")";
}

::testing::AssertionResult tensor_equal(const at::Tensor& actual, const at::Tensor& expected,
                                        const std::string& what) {
  if (actual.defined() && actual.sizes() == expected.sizes() && at::equal(actual, expected)) {
    return ::testing::AssertionSuccess();
  }
  return ::testing::AssertionFailure() << what << " differs from what was expected";
}

}  // namespace omnigen::test
