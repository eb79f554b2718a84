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
// One rounding to bfloat16 of x, of the output, and of what lies between.
inline constexpr Tolerance kLokrBfloat16{"LoKr in bf16 against float32", 2e-2};
inline constexpr Tolerance kCompactLayer{"quantised layer", 4e-6};
inline constexpr Tolerance kBfloat16CompactLayer{"quantised layer in bf16 against float32", 2e-2};
inline constexpr Tolerance kVae{"VAE moments, decoded", 1e-5};
inline constexpr Tolerance kSampler{"sampler velocities, latents", 3e-5};
inline constexpr Tolerance kLossValue{"loss value", 2e-6};
inline constexpr Tolerance kFactorGradient{"factor gradients", 2e-5};
inline constexpr Tolerance kFactorAfterSteps{"factors after steps", 2e-5};
inline constexpr Tolerance kAdamW{"AdamW parameters, state", 1e-6};
inline constexpr Tolerance kLion{"optimi Lion, float32", 1e-6};
inline constexpr Tolerance kCodebook{"8-bit maps, absmax, decoded", 1e-7};
inline constexpr Tolerance kBnbParameters{"bitsandbytes, 32-bit: parameters", 1e-6};
inline constexpr Tolerance kBnbState{"bitsandbytes: state, absmax", 4e-6};
inline constexpr Tolerance kCodedParameters{"bitsandbytes, 8-bit: parameters", 1e-5};
// Of the elements of an 8-bit tensor: codes that differ, weights beyond kCodedParameters.
inline constexpr Tolerance kTippedShare{"bitsandbytes, 8-bit: share of tipped", 0.002};
inline constexpr Tolerance kAdafactor{"Adafactor parameters, state", 4e-6};
inline constexpr Tolerance kProdigy{"prodigyopt d, parameters, state", 1e-5};
inline constexpr Tolerance kProdigyPlus{"prodigy d, parameters, state", 2e-5};
inline constexpr Tolerance kProdigyPlusLoose{"prodigy without its limits", 1e-4};
inline constexpr Tolerance kProdigyPlusDecay{"prodigy with decay, d grown", 2e-2};
// Roundings to bfloat16 that tip stay in this sum, whose terms cancel.
inline constexpr Tolerance kProdigyPlusSlice{"prodigy s, bfloat16", 5e-2};
inline constexpr Tolerance kNormalisedPixels{"normalised pixels", 1e-6};

// Of 0 to 100, from picture and text: a resized pixel may differ by 1.
inline constexpr double kClipScore = 0.05;

// Differences of 8-bit pixels: the largest, and the mean over an image.
struct PixelTolerance {
  const char* kind;
  int largest;
  double mean;
};

inline constexpr PixelTolerance kDecodedLossless{"decoded PNG, BMP, WebP", 0, 0.0};
inline constexpr PixelTolerance kDecodedJpeg{"decoded JPEG", 1, 1.0};
inline constexpr PixelTolerance kResampled{"resized with lanczos_aa, bicubic_aa", 1, 0.01};
inline constexpr PixelTolerance kResampledOpencv{"resized with bilinear_opencv", 1, 0.2};
inline constexpr PixelTolerance kJpegToFinal{"JPEG file to final pixels", 2, 2.0};

// Our own kernels in float32 against float64 or against another formula of the same thing.
inline constexpr Tolerance kKernel{"float32 kernels", 2e-6};
// bfloat16 keeps 8 bits: results rounded once, and products of rounded probabilities.
inline constexpr Tolerance kBfloat16Kernel{"bfloat16 kernels", 8e-3};
inline constexpr Tolerance kBfloat16Attention{"bfloat16 attention", 1.5e-2};
inline constexpr Tolerance kBfloat16Vae{"bfloat16 VAE moments", 5e-2};
// bfloat16 against the float32 reference, root mean square relative to the reference's: diffusers
// itself is 1.0 to 1.2 % away (tests/golden/README.md, "bf16, for orientation").
inline constexpr double kBfloat16RootMeanSquare = 0.014;

}  // namespace omnigen::test
