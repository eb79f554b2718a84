#include "bench_support.h"

#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <fmt/format.h>
#include <torch/cuda.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <stdexcept>

#include "machine.h"
#include "util/stopwatch.h"

namespace omnigen::bench {
namespace {

constexpr int64_t kWarmUpCalls = 2;
constexpr int64_t kFewestCalls = 5;
constexpr int64_t kMostCalls = 500;

double quantile(const std::vector<double>& sorted, double part) {
  const double place = part * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

// x · Wᵀ by oneDNN, which on some CPUs is faster than at::linear; undefined where it is not built
// in.
at::Tensor onednn_product(const at::Tensor& x, const at::Tensor& weight) {
  using Product = at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&,
                             std::string_view, c10::List<std::optional<at::Scalar>>,
                             std::optional<std::string_view>);
  const auto found = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
  if (!found.has_value() || !found->hasKernelForDispatchKey(c10::DispatchKey::CPU)) return {};
  return found->typed<Product>().call(x, weight, std::nullopt, "none",
                                      c10::List<std::optional<at::Scalar>>(), "");
}

}  // namespace

Arguments::Arguments(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (!name.starts_with("--")) throw std::invalid_argument("unexpected argument: " + name);
    const bool has_value = i + 1 < argc && std::strncmp(argv[i + 1], "--", 2) != 0;
    given_[name.substr(2)] = has_value ? argv[++i] : "";
  }
}

std::string Arguments::text(const std::string& name, const std::string& fallback,
                            const std::vector<std::string>& choices) {
  known_.insert(name);
  const auto found = given_.find(name);
  if (found == given_.end()) return fallback;
  if (found->second.empty()) throw std::invalid_argument("--" + name + " needs a value");
  if (!choices.empty() && std::ranges::find(choices, found->second) == choices.end()) {
    throw std::invalid_argument(
        fmt::format("--{} {}: expected one of {}", name, found->second, fmt::join(choices, ", ")));
  }
  return found->second;
}

int64_t Arguments::integer(const std::string& name, int64_t fallback) {
  const std::string value = text(name, std::to_string(fallback));
  size_t used = 0;
  const int64_t number = std::stoll(value, &used);
  if (used != value.size()) {
    throw std::invalid_argument(fmt::format("--{} {}: expected a whole number", name, value));
  }
  return number;
}

bool Arguments::flag(const std::string& name) {
  known_.insert(name);
  return given_.contains(name);
}

void Arguments::require_known() const {
  for (const auto& [name, value] : given_) {
    if (known_.contains(name)) continue;
    throw std::invalid_argument(
        fmt::format("unknown option --{}; there are --{}", name, fmt::join(known_, ", --")));
  }
}

at::ScalarType dtype_of(const std::string& name) {
  if (name == "fp32") return at::kFloat;
  if (name == "bf16") return at::kBFloat16;
  throw std::invalid_argument("dtype " + name + ": expected fp32 or bf16");
}

at::Device device_of(const std::string& name) {
  if (name == "cuda" && !torch::cuda::is_available()) {
    throw std::invalid_argument("no GPU found; use --device cpu");
  }
  return {name};
}

void check_close(const at::Tensor& actual, const at::Tensor& expected, double tolerance,
                 const std::string& what) {
  TORCH_CHECK(actual.sizes() == expected.sizes(), what, ": shape ", actual.sizes(), ", expected ",
              expected.sizes());
  const at::Tensor reference = expected.detach().to(at::kCPU, at::kDouble);
  const auto peak = reference.abs().max().item<double>();
  const double error =
      (actual.detach().to(at::kCPU, at::kDouble) - reference).abs().max().item<double>() / peak;
  TORCH_CHECK(error <= tolerance, what, ": error ", error, " relative to the peak, allowed ",
              tolerance, "; not timed");
}

Timing summarize(std::vector<double> seconds) {
  if (seconds.empty()) throw std::invalid_argument("no timings to summarize");
  std::ranges::sort(seconds);
  return {quantile(seconds, 0.5), quantile(seconds, 0.1), quantile(seconds, 0.9),
          seconds.front(),        seconds.back(),         std::ssize(seconds)};
}

void synchronize() {
  if (torch::cuda::is_available()) torch::cuda::synchronize();
}

Timing time_calls(const std::function<void()>& call, double budget_s) {
  for (int64_t i = 0; i < kWarmUpCalls; ++i) call();
  synchronize();
  const util::Stopwatch budget;
  std::vector<double> seconds;
  while (std::ssize(seconds) < kFewestCalls ||
         (budget.elapsed_s() < budget_s && std::ssize(seconds) < kMostCalls)) {
    const util::Stopwatch watch;
    call();
    synchronize();
    seconds.push_back(watch.elapsed_s());
  }
  return summarize(std::move(seconds));
}

double peak_gflops(at::ScalarType dtype, at::Device device) {
  const at::InferenceMode inference;
  const int64_t side = device.is_cuda() ? 8192 : 1536;
  const at::Tensor x = at::randn({side, side}).to(device, dtype);
  const at::Tensor weight = at::randn({side, side}).to(device, dtype);
  double best_s = time_calls([&] { at::linear(x, weight); }).min;
  if (device.is_cpu() && onednn_product(x, weight).defined()) {
    best_s = std::min(best_s, time_calls([&] { onednn_product(x, weight); }).min);
  }
  return 2e-9 * std::pow(static_cast<double>(side), 3) / best_s;
}

double peak_copy_gb_per_s(at::Device device) {
  const int64_t num_bytes = int64_t{1} << 28;
  const at::Tensor source = at::zeros({num_bytes}, at::TensorOptions(at::kByte).device(device));
  at::Tensor target = at::empty_like(source);
  return 2e-9 * static_cast<double>(num_bytes) / time_calls([&] { target.copy_(source); }).min;
}

Report::Report(const std::string& what, Arguments& arguments) : as_json_(arguments.flag("json")) {
  object_ = {{"what", what}, {"machine", environment()}, {"cases", nlohmann::json::array()}};
  const nlohmann::json& machine = object_["machine"];
  if (machine["build_type"] != "Release") {
    std::cerr << "warning: build type is " << machine["build_type"]
              << ", not Release: these figures mean nothing\n";
  }
  if (as_json_) return;
  std::cout << what;
  for (const auto& [key, value] : machine.items()) std::cout << " | " << key << " " << value;
  std::cout << "\n";
}

void Report::add(const std::string& name, const Timing& timing,
                 const std::vector<std::pair<std::string, double>>& figures) {
  nlohmann::json entry = {{"name", name},         {"median_s", timing.median},
                          {"p10_s", timing.p10},  {"p90_s", timing.p90},
                          {"min_s", timing.min},  {"max_s", timing.max},
                          {"count", timing.count}};
  std::string line = fmt::format("{:<40} {:>10.3f} ms  p10 {:>9.3f}  p90 {:>9.3f}", name,
                                 1e3 * timing.median, 1e3 * timing.p10, 1e3 * timing.p90);
  for (const auto& [figure, value] : figures) {
    entry[figure] = value;
    line += fmt::format(" | {:.4g} {}", value, figure);
  }
  object_["cases"].push_back(entry);
  if (!as_json_) std::cout << line << std::endl;
}

void Report::finish() const {
  if (as_json_) std::cout << object_.dump() << std::endl;
}

TempFolder::TempFolder(const std::filesystem::path& parent) {
  std::string pattern = (parent / "omnigen-bench-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    throw std::runtime_error("cannot make a folder in " + parent.string());
  }
  path_ = pattern;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

int run(const std::function<void()>& body) {
  try {
    body();
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
}

}  // namespace omnigen::bench
