#include "train/loss_range.h"

#include <algorithm>
#include <cmath>

namespace omnigen::train {
namespace {

constexpr int kBands = 16;  // rings of equal width in |frequency|, up to the corner

struct Spectrum {
  std::vector<double> power = std::vector<double>(kBands, 0.0);
  std::vector<double> count = std::vector<double>(kBands, 0.0);
};

void add_spectrum(const at::Tensor& latent_CHW, Spectrum& spectrum) {
  const int64_t height = latent_CHW.size(1);
  const int64_t width = latent_CHW.size(2);
  const at::Tensor power_HW =
      at::fft_fft2(latent_CHW.to(at::kDouble), c10::nullopt, {-2, -1}, "ortho")
          .abs()
          .square()
          .mean(0);
  const auto power = power_HW.accessor<double, 2>();
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      const double fy = static_cast<double>(std::min(y, height - y)) / static_cast<double>(height);
      const double fx = static_cast<double>(std::min(x, width - x)) / static_cast<double>(width);
      const double radius = std::hypot(fx, fy) / std::sqrt(0.5);
      const auto band =
          static_cast<size_t>(std::min(kBands - 1, static_cast<int>(radius * kBands)));
      spectrum.power[band] += power[y][x];
      spectrum.count[band] += 1.0;
    }
  }
}

}  // namespace

double expected_mode_error(double variance) {
  constexpr int kPoints = 2000;
  constexpr double kRange = 6.0;
  double sum = 0.0;
  double weight_sum = 0.0;
  for (int i = 0; i <= kPoints; ++i) {
    const double u = -kRange + 2.0 * kRange * i / kPoints;
    const double weight = std::exp(-0.5 * u * u);
    const double t = 1.0 / (1.0 + std::exp(-u));
    sum += weight * variance / (t * t * variance + (1.0 - t) * (1.0 - t));
    weight_sum += weight;
  }
  return sum / weight_sum;
}

LossRange expected_loss(const std::vector<at::Tensor>& latents) {
  TORCH_CHECK(!latents.empty(), "expected_loss: no latent");
  Spectrum spectrum;
  for (const at::Tensor& latent : latents) add_spectrum(latent, spectrum);
  LossRange range;
  double elements = 0.0;
  for (size_t band = 0; band < kBands; ++band) {
    if (spectrum.count[band] == 0.0) continue;
    range.second_moment += spectrum.power[band];
    elements += spectrum.count[band];
    range.spectrum_only +=
        spectrum.count[band] * expected_mode_error(spectrum.power[band] / spectrum.count[band]);
  }
  range.second_moment /= elements;
  range.spectrum_only /= elements;
  range.zero_predictor = 1.0 + range.second_moment;
  return range;
}

}  // namespace omnigen::train
