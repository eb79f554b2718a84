// How far float32 results may be from the reference, relative to the peak. Source:
// tests/golden/README.md, which also gives what an independent implementation reached. Loosening
// one needs its reason on its line.
#pragma once

namespace omnigen::test {

struct Tolerance {
  const char* kind;
  double relative_to_peak;
};

inline constexpr Tolerance kExactArithmetic{"tables, x_t, grids, clipping, EMA", 1e-6};
inline constexpr Tolerance kTransformerOutput{"transformer output, stages", 4e-6};
inline constexpr Tolerance kTransformerGradient{"transformer gradients", 1e-5};
inline constexpr Tolerance kLokrDelta{"LoKr delta, merged weights", 1e-6};
inline constexpr Tolerance kLokrOutput{"LoKr output and gradients", 4e-6};
inline constexpr Tolerance kVae{"VAE moments, decoded", 1e-5};
inline constexpr Tolerance kSampler{"sampler velocities, latents", 3e-5};
inline constexpr Tolerance kLossValue{"loss value", 2e-6};
inline constexpr Tolerance kFactorGradient{"factor gradients", 2e-5};
inline constexpr Tolerance kFactorAfterSteps{"factors after steps", 2e-5};
inline constexpr Tolerance kAdamW{"AdamW parameters, state", 1e-6};

}  // namespace omnigen::test
