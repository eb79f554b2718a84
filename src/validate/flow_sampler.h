// Samples a latent: Euler steps along the guided velocity, from noise at t = 0 to an image at t
// = 1.
//
//   text only      v = v_u + g·(v_c − v_u)
//   with images    v = v_u + g_img·(v_i − v_u) + g·(v_c − v_i)
//   rescale φ      v ← φ·v·std(v_c)/std(v) + (1 − φ)·v
//
// Every branch runs alone with its own positions. Latents, velocities and updates are float32.
// Source: diffusers pipelines/omnigen/pipeline_omnigen.py, FlowMatchEulerDiscreteScheduler.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "model/omnigen_transformer.h"
#include "model/packed_sample.h"

namespace omnigen::validate {

struct SamplerOptions {
  int64_t num_steps = 50;
  double shift = 1.0;  // > 1 spends more steps near noise
  double guidance = 2.5;
  double image_guidance = 1.6;
  double guidance_rescale = 0.0;
};

// t of every step and the final 1: K + 1 values in float32, as the scheduler computes them.
std::vector<float> time_grid(int64_t num_steps, double shift);

struct GuidanceBranch {
  std::vector<int64_t> input_ids;
  std::vector<model::InputImage> input_images;
};

struct SampleRequest {
  at::Tensor noise_CHW;  // float32
  GuidanceBranch cond;
  GuidanceBranch uncond;                   // the negative prompt
  std::optional<GuidanceBranch> img_cond;  // the input images without an instruction
};

// What happened in one step.
struct SamplerStep {
  int64_t index = 0;
  at::Tensor cond_velocity_CHW;
  at::Tensor velocity_CHW;  // guided
  at::Tensor latent_CHW;    // after the step
};
using SamplerObserver = std::function<void(const SamplerStep&)>;

// The guided velocity; `img_cond` is undefined without input images.
at::Tensor guide(const at::Tensor& cond, const at::Tensor& uncond, const at::Tensor& img_cond,
                 const SamplerOptions& options);

class FlowSampler {
 public:
  FlowSampler(const model::OmniGenTransformer& transformer, const SamplerOptions& options);

  // Shapes: latent [C, h, w], float32, on the transformer's device. No gradients.
  [[nodiscard]] at::Tensor sample(const SampleRequest& request,
                                  const SamplerObserver& observer = {}) const;

 private:
  const model::OmniGenTransformer& transformer_;
  SamplerOptions options_;
};

// Standard normal noise of image number `draw` under a seed: the same for every prompt, so that
// images differ by their prompts alone. Shapes: [C, h, w], float32, on the CPU.
at::Tensor initial_noise(uint64_t seed, uint64_t draw, at::IntArrayRef shape_CHW);

}  // namespace omnigen::validate
