#include "train/card_inference.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "train/run_setup.h"

namespace omnigen::train {
namespace {

// A text as Python writes it: JSON's quoting is Python's as well.
std::string python_text(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

struct Loading {
  const char* imports;
  const char* code;
};

// How the result is put into `pipeline`.
Loading loading(const config::Config& config) {
  if (config.model.model_type != "lora") {
    return {"from diffusers import OmniGenTransformer2DModel",
            "pipeline.transformer = OmniGenTransformer2DModel.from_pretrained(\n"
            "    \"pipeline/transformer\", torch_dtype=torch.bfloat16)  # of this repository\n"};
  }
  if (config.adapter.lora_type == "standard") {
    return {"from peft import PeftModel",
            "# the folder of adapter_config.json\n"
            "pipeline.transformer = PeftModel.from_pretrained(pipeline.transformer, \".\")\n"};
  }
  return {"from lycoris import create_lycoris_from_weights",
          "wrapper, _ = create_lycoris_from_weights(\n"
          "    1.0, \"pytorch_lora_weights.safetensors\", pipeline.transformer)\n"
          "wrapper.merge_to()\n"};
}

}  // namespace

std::string inference_section(const CardFacts& facts) {
  const config::Config& config = facts.loaded.config;
  const config::ValidateConfig& validate = config.validate;
  const std::string base = base_model_id(config.model.pretrained_model_name_or_path);
  const auto sizes = validation_resolutions(validate).items;
  const validate::Resolution size =
      sizes.empty() ? validate::Resolution{1024, 1024} : sizes.front();
  std::string prompt = validate.validation_prompt;
  if (prompt.empty() || prompt == "None") prompt = "An astronaut is riding a horse.";
  const Loading load = loading(config);
  return fmt::format(
      "## Inference\n\nWith omnigen-dist, images of the prompts of a configuration:\n```\n"
      "omnigen-dist --config simpletuner_config.json --validation_on_startup=true "
      "--resume_from_checkpoint=latest\n```\n\nWith diffusers:\n```python\nimport torch\n"
      "from diffusers import OmniGenPipeline\n{}\n\n"
      "pipeline = OmniGenPipeline.from_pretrained({}, torch_dtype=torch.bfloat16)\n{}"
      "pipeline.to(\"cuda\")\nimage = pipeline(\n    prompt={},\n    height={},\n    width={},\n"
      "    guidance_scale={},\n    num_inference_steps={},\n"
      "    generator=torch.Generator(\"cpu\").manual_seed({}),\n).images[0]\n"
      "image.save(\"output.png\")\n```\n",
      load.imports, python_text(base), load.code, python_text(prompt), size.height, size.width,
      validate.validation_guidance, validate.validation_num_inference_steps,
      validate.validation_seed.value_or(config.train.seed));
}

}  // namespace omnigen::train
