// Encoding images to latent moments with an autoencoder of random weights.
//
//   vae_encode_bench [--vae sdxl|small] [--px 256] [--batch 1] [--dtype fp32|bf16] [--threads 1]
//                    [--device cpu|cuda] [--json]
//
// Beside it: benchmarks/peer/peer_cache.py, "vae_only_images_per_s".
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include "bench_support.h"
#include "machine.h"
#include "model/autoencoder.h"
#include "workload.h"

namespace omnigen::bench {
namespace {

model::AutoencoderConfig config_of(const std::string& name) {
  model::AutoencoderConfig config;  // SDXL's
  if (name == "small") config.block_out_channels = {32, 64, 128, 128};
  return config;
}

// Halvings of the image before the layer `name` of the encoder.
int64_t halvings(const std::string& name, int64_t num_blocks) {
  constexpr std::string_view kBlocks = "encoder.down_blocks.";
  if (name.starts_with("encoder.conv_in")) return 0;
  if (!name.starts_with(kBlocks)) return num_blocks - 1;
  const int64_t block = std::stoll(name.substr(kBlocks.size()));
  return name.find("downsamplers") == std::string::npos ? block : block + 1;
}

// Of convolutions, projections and the middle block's attention, per image; a multiply-add
// counts 2.
double encode_gflop(const model::AutoencoderConfig& config, int64_t px) {
  const auto num_blocks = std::ssize(config.block_out_channels);
  double flop = 0.0;
  for (const auto& [name, shape] : model::weight_shapes(config)) {
    const bool encoder = name.starts_with("encoder.") || name.starts_with("quant_conv");
    if (!encoder || shape.size() < 2) continue;
    const auto side = static_cast<double>(px >> halvings(name, num_blocks));
    double weights = 1.0;
    for (const int64_t size : shape) weights *= static_cast<double>(size);
    flop += 2 * weights * side * side;
  }
  const double tokens = std::pow(static_cast<double>(px >> (num_blocks - 1)), 2);
  flop += 4 * tokens * tokens * static_cast<double>(config.block_out_channels.back());
  return 1e-9 * flop;
}

void bench(int argc, char** argv) {
  Arguments arguments(argc, argv);
  const std::string name = arguments.text("vae", "small", {"sdxl", "small"});
  const int64_t px = arguments.integer("px", 256);
  const int64_t batch = arguments.integer("batch", 1);
  const auto dtype = dtype_of(arguments.text("dtype", "fp32", {"fp32", "bf16"}));
  const auto device = device_of(arguments.text("device", "cpu", {"cpu", "cuda"}));
  at::set_num_threads(static_cast<int>(arguments.integer("threads", 1)));
  Report report("vae_encode", arguments);
  arguments.require_known();

  const at::InferenceMode inference;
  const auto config = config_of(name);
  const model::Autoencoder autoencoder(config,
                                       random_weights(model::weight_shapes(config), dtype, device));
  auto generator = at::detail::createCPUGenerator(1);
  const at::Tensor images =
      (at::rand({std::max<int64_t>(batch, 2), 3, px, px}, generator) * 2 - 1).to(device);
  const at::Tensor together = autoencoder.encode_moments(images);
  check_close(together.narrow(0, 1, 1), autoencoder.encode_moments(images.narrow(0, 1, 1)),
              dtype == at::kFloat ? 1e-5 : 3e-2, "an image in a batch against the image alone");
  TORCH_CHECK(together.isfinite().all().item<bool>(), "moments are not finite; not timed");

  const at::Tensor timed = images.narrow(0, 0, batch);
  reset_peak_rss();
  const OthersCpu others;
  const Timing timing =
      time_calls([&] { static_cast<void>(autoencoder.encode_moments(timed)); }, 5.0);
  const double share_of_others = others.share();
  const double peak_mib = peak_rss_mib();
  const double gflops = static_cast<double>(batch) * encode_gflop(config, px) / timing.median;
  report.object().update(
      {{"vae", name}, {"px", px}, {"batch", batch}, {"dtype", at::toString(dtype)}});
  report.add(fmt::format("{} {} px, batch {}", name, px, batch), timing,
             {{"images/s", static_cast<double>(batch) / timing.median},
              {"GFLOP/s", gflops},
              {"% of peak", 100 * gflops / peak_gflops(dtype, device)},
              {"MiB peak RSS", peak_mib},
              {"others_cpu", share_of_others}});
  report.finish();
}

}  // namespace
}  // namespace omnigen::bench

int main(int argc, char** argv) {
  return omnigen::bench::run([&] { omnigen::bench::bench(argc, argv); });
}
