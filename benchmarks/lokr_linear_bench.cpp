// A frozen linear layer with LoKr factors, forward and backward: the layer alone, factor-wise, and
// with the Kronecker product rebuilt as LyCORIS does unasked.
//
//   lokr_linear_bench [--config small] [--tokens 348] [--dtype fp32|bf16] [--threads 1] [--device
//   cpu|cuda] [--json]
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/autograd.h>

#include "adapter/adapter_set.h"
#include "adapter/lycoris_config.h"
#include "bench_support.h"
#include "nn/linear.h"
#include "workload.h"

namespace omnigen::bench {
namespace {

struct Shape {
  std::string name;
  int64_t out = 0;
  int64_t in = 0;
  int64_t factor = 0;
};

struct Options {
  int64_t tokens = 348;  // the mean of the training workload at 256 px
  at::ScalarType dtype = at::kFloat;
  at::Device device = at::kCPU;
};

// One layer, its factors and what flows through it.
class Case {
 public:
  Case(const Shape& shape, const Options& options) : shape_(shape), options_(options) {
    auto generator = at::detail::createCPUGenerator(0);
    const auto placed = [&](at::IntArrayRef sizes, double scale) {
      return (at::randn(sizes, generator) * scale).to(options.device, options.dtype);
    };
    linear_.weight = placed({shape.out, shape.in}, 1.0 / std::sqrt(static_cast<double>(shape.in)));
    x_ = placed({options.tokens, shape.in}, 1.0).requires_grad_();
    grad_ = placed({options.tokens, shape.out}, 1.0);

    const nn::ModuleTree tree = {{"attn", "Attention", 0, 0, nullptr},
                                 {"attn.proj", "Linear", shape.out, shape.in, &linear_}};
    nlohmann::json config = lycoris_config("attention");
    config["apply_preset"]["module_algo_map"]["Attention"]["factor"] = shape.factor;
    adapters_ = std::make_unique<adapter::AdapterSet>(
        adapter::LycorisConfig::from_json(config, "benchmark"), tree, 0, options.device);
    for (const auto& [name, value] : adapters_->parameters()) leaves_.push_back(value);
    TORCH_CHECK(leaves_.size() == 2, "expected full factors w1 and w2, got ", leaves_.size());
    const at::NoGradGuard no_grad;
    leaves_[1].copy_(at::randn(leaves_[1].sizes(), generator) * 1e-2);
  }

  [[nodiscard]] at::Tensor plain() const { return at::linear(x_, linear_.weight); }
  [[nodiscard]] at::Tensor factor_wise() const { return linear_.forward(x_); }
  [[nodiscard]] at::Tensor rebuilt() const {
    return at::linear(x_, linear_.weight + at::kron(leaves_[0], leaves_[1]).to(options_.dtype));
  }

  // Gradients of x, then of the factors where `adapted`.
  [[nodiscard]] std::vector<at::Tensor> backward(const at::Tensor& out, bool adapted) const {
    std::vector<at::Tensor> inputs = {x_};
    if (adapted) inputs.insert(inputs.end(), leaves_.begin(), leaves_.end());
    return torch::autograd::grad({out}, inputs, {grad_});
  }

  void check() const {
    const double tolerance = options_.dtype == at::kFloat ? 4e-6 : 3e-2;
    const at::Tensor ours = factor_wise();
    const at::Tensor oracle = rebuilt();
    check_close(ours, oracle, tolerance, shape_.name + " output");
    const auto grads = backward(ours, true);
    const auto expected = backward(oracle, true);
    for (size_t i = 0; i < grads.size(); ++i) {
      check_close(grads[i], expected[i], 2.5 * tolerance,
                  fmt::format("{} gradient {}", shape_.name, i));
    }
  }

  // Multiply-adds count 2: the layer forward and dX, and the factors' own work (workload.cpp).
  [[nodiscard]] double base_gflop() const {
    return 4e-9 * static_cast<double>(options_.tokens * shape_.out * shape_.in);
  }
  [[nodiscard]] double lokr_gflop() const {
    return 1e-9 *
           lokr_flop(static_cast<double>(options_.tokens), shape_.out, shape_.in, shape_.factor);
  }

 private:
  Shape shape_;
  Options options_;
  nn::Linear linear_;
  std::unique_ptr<adapter::AdapterSet> adapters_;
  std::vector<at::Tensor> leaves_;
  at::Tensor x_;
  at::Tensor grad_;
};

void measure(const Shape& shape, const Options& options, double roof, Report& report) {
  const Case layer(shape, options);
  layer.check();
  const auto add = [&](const std::string& name, const Timing& timing, double gflop) {
    const double gflops = gflop / timing.median;
    report.add(fmt::format("{} {}", shape.name, name), timing,
               {{"useful GFLOP/s", gflops}, {"% of peak", 100 * gflops / roof}});
  };
  const double both = layer.base_gflop() + layer.lokr_gflop();
  add("alone", time_calls([&] { static_cast<void>(layer.backward(layer.plain(), false)); }),
      layer.base_gflop());
  add("factor-wise",
      time_calls([&] { static_cast<void>(layer.backward(layer.factor_wise(), true)); }), both);
  add("rebuilt", time_calls([&] { static_cast<void>(layer.backward(layer.rebuilt(), true)); }),
      both);
}

void bench(int argc, char** argv) {
  Arguments arguments(argc, argv);
  Options options;
  const std::string name = arguments.text("config", "small");
  options.tokens = arguments.integer("tokens", options.tokens);
  options.dtype = dtype_of(arguments.text("dtype", "fp32", {"fp32", "bf16"}));
  options.device = device_of(arguments.text("device", "cpu", {"cpu", "cuda"}));
  at::set_num_threads(static_cast<int>(arguments.integer("threads", 1)));
  Report report("lokr_linear", arguments);
  arguments.require_known();
  report.object().update({{"config", name}, {"tokens", options.tokens}});

  const double roof = peak_gflops(options.dtype, options.device);
  const auto config = load_config(name);
  const int64_t hidden = config.hidden_size;
  const int64_t width = config.intermediate_size;
  for (const Shape& shape :
       {Shape{"attention", hidden, hidden, 16}, Shape{"gate_up", 2 * width, hidden, 8},
        Shape{"down", hidden, width, 8}}) {
    measure(shape, options, roof, report);
  }
  report.finish();
}

}  // namespace
}  // namespace omnigen::bench

int main(int argc, char** argv) {
  return omnigen::bench::run([&] { omnigen::bench::bench(argc, argv); });
}
